/** The topic of an app's journal, which no actor may have. */
export function journalTopic(app: string): string {
  return `${app}-master`;
}
