/** The one node of the cluster: it leads every partition and is its only replica. */
export const NODE_ID = 1;
