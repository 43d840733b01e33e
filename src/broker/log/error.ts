/** A record of a batch that was refused, by its index in it. */
export interface RecordError {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string;
}

/** An append that is refused, with the protocol's code for it. Nothing was written. */
export class AppendError extends Error {
  override name = "AppendError";
  readonly code: number;
  readonly records: readonly RecordError[];

  constructor(code: number, message: string, records: readonly RecordError[] = []) {
    super(message);
    this.code = code;
    this.records = records;
  }
}
