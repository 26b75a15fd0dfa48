// A typed client, generated from $metadata alone, asks the running service.
import { FetchClient } from "@odata2ts/http-client-fetch";
import { sightlineService } from "./generated/sightlineService";

declare const process: { argv: string[]; exit(code: number): void };

async function main(root: string): Promise<void> {
  const service = new sightlineService(new FetchClient(), root);
  const found = await service.Items().query((builder, item) =>
    builder
      .select("id", "status", "due_on", "confidence")
      .filter(item.status.eq("at_risk").and(item.title.contains("%")).or(item.owner.eq(null)))
      .orderBy(item.due_on.desc())
      .top(5)
      .count(),
  );
  const one = await service.Items(found.data.value[0].id).query((builder) => builder.expand("Versions"));
  const versions: number = one.data.Versions?.length ?? 0;
  const rank: number = one.data.status_rank;
  const since: string | undefined = one.data.Versions?.[0].valid_from;
  console.log(JSON.stringify({ count: found.data["@odata.count"], rows: found.data.value, versions, rank, since }));
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
