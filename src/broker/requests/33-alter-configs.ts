import { alter, DELETE, SET } from "../alter.ts";
import { array, boolean, int16, int32, int8, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const alterConfigs = api({
  key: 33,
  name: "AlterConfigs",
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: "0+" }),
      }),
    }),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    responses: array({
      errorCode: int16({ or: 0 }),
      errorMessage: string({ nullable: "0+", or: null }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
  async handle(broker, { resources, validateOnly }) {
    const answer = {
      responses: resources.map(({ resourceType, resourceName, configs }) => {
        const changes = configs.map(({ name, value }) => ({ name, value, operation: value === null ? DELETE : SET }));
        const error = alter(broker, { resourceType, resourceName, changes, replaceAll: true, validateOnly });
        return { resourceType, resourceName, errorCode: error?.code ?? 0, errorMessage: error?.message ?? null };
      }),
    };
    await broker.flushed();
    return answer;
  },
});
