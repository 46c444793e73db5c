/** The message of whatever was thrown; never throws itself, whatever that is. */
export function errorText(error: unknown): string {
  try {
    const hasMessage = typeof error === 'object' && error !== null && 'message' in error;
    return String(hasMessage ? error.message : error);
  } catch {
    return 'Something was thrown that cannot be shown as text.';
  }
}
