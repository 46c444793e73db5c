/** What the service's own variables begin with; the others have names that other programs know as well. */
const OURS = /^(JOBS|JWT|JWKS|STREAM|LIMIT|LOG)_/;
/** In a shorter name every slip makes another word: HOST, POST. */
const SHORTEST = 8;
/** `CORS_ORIGIN` is a slip, `EXPORT_DIR` is not `IMPORT_DIR`. With a prefix of ours, a second slip is still one. */
const SLIPS = { withPrefix: 2, without: 1 };

/**
 * Which of the given variables are probably slips for a known one, with that.
 *
 * A variable with one of our prefixes that resembles a known name is taken for a slip in any case; one without only where the
 * known name is not given, as the two may then be of two programs. What resembles nothing of ours is left alone, such as
 * the JOBS_API_SERVICE_HOST of Kubernetes: other programs and the platform have their variables in the same environment,
 * and nobody could follow a warning about those.
 */
export function misspelt(
  given: readonly string[],
  known: readonly string[],
): [name: string, meant: string][] {
  return given
    .filter((name) => !known.includes(name))
    .flatMap((name): [string, string][] => {
      const meant = nearest(name, known);
      if (meant === null || (!OURS.test(name) && given.includes(meant))) return [];
      return [[name, meant]];
    });
}

function nearest(name: string, known: readonly string[]): string | null {
  const most = OURS.test(name) ? SLIPS.withPrefix : SLIPS.without;
  const near = known
    .filter(({ length }) => length >= SHORTEST && Math.abs(length - name.length) <= most)
    .map((each) => ({ each, slips: slipsBetween(name, each) }))
    .filter(({ slips }) => slips <= most)
    .toSorted((one, other) => one.slips - other.slips);
  return near[0]?.each ?? null;
}

/** Letters that are missing, added, wrong, or swapped with the next one. */
function slipsBetween(one: string, other: string): number {
  // rows[i][j]: between the first i letters of the one and the first j of the other.
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= one.length; i += 1) {
    rows.push([i]);
    for (let j = 1; j <= other.length; j += 1) {
      const wrong = one[i - 1] === other[j - 1] ? 0 : 1;
      const swapped = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + wrong);
      rows[i]?.push(swapped ? Math.min(least, at(i - 2, j - 2) + 1) : least);
    }
  }
  return at(one.length, other.length);
}
