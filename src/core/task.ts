/** What a task's function is given. */
export interface TaskRun {
  /** Grows from one master to the next; 0 for tasks that run on every worker. */
  readonly epoch: number;
  /**
   * Aborts when mastership is lost, is handed over, or the worker stops: end then. What ends within the stop timeout may
   * still send. To read it asks the lease, as that of a tick.
   */
  readonly signal: AbortSignal;
}

/** Options of a task. */
export interface TaskOptions {
  /** Default: the function's own name. */
  name?: string;
  /** Run on exactly one worker, the master. Default false: on every worker. */
  onMaster?: boolean;
}

/** What runs for as long as mastership, or the worker, lasts. */
export type TaskFunction = (run: TaskRun) => void | Promise<void>;

/** A task as the layers above read it. */
export interface TaskDefinition {
  readonly name: string;
  readonly onMaster: boolean;
  readonly fn: TaskFunction;
}
