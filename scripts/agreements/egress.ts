/** Rules, policies, secrets and events of egress are the same in the proxy and in the API. */
import type {
  ConnectionEvent,
  DnsEvent,
  EgressEvent,
  HttpEvent,
  PolicySpec,
  RequestRule,
  SealedSecret,
} from "../../packages/egress/src/contract.ts";
import type * as Api from "../../packages/protocol/src/mod.ts";
import type { All, Equal, Expect } from "./types.ts";

type Data<Kind extends Api.EgressActivity["kind"]> = Extract<Api.EgressActivity, { kind: Kind }>["data"];
type ChangedPolicy = Extract<Api.EventBody, { kind: "egress.changed" }>["data"]["policy"];

export type SameKinds = Expect<Equal<EgressEvent["kind"], Api.EgressActivity["kind"]>>;
export type SameEgress = Expect<
  All<{
    RequestRule: Equal<RequestRule, Api.RequestRule>;
    PolicySpec: Equal<PolicySpec, Omit<Api.EgressView, "secrets">>;
    policyOfEvent: Equal<PolicySpec | undefined, ChangedPolicy>;
    SealedSecret: Equal<
      Omit<SealedSecret, "placeholder" | "aliases" | "form" | "sealed" | "sealedFor">,
      Api.EgressView["secrets"][number]
    >;
    HttpEvent: Equal<Omit<HttpEvent, "kind">, Data<"http">>;
    ConnectionEvent: Equal<Omit<ConnectionEvent, "kind">, Data<"connection">>;
    DnsEvent: Equal<Omit<DnsEvent, "kind">, Data<"dns">>;
  }>
>;
