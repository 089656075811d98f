/** What a local host does with volumes, on real machines. */
import { volumeSuite } from "@sandkeep/host/testing";
import { HostFixture } from "./fixture.ts";

volumeSuite("the local host", () => HostFixture.open());
