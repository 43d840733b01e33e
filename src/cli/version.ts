/** The toolkit's version: the one of package.json, kept here so that nothing is read at run time. */
export const VERSION = "0.1.0";
