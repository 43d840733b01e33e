/** What a client is told that did not ask what it may do. */
export const NOT_ASKED = -2147483648;
