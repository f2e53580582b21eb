import type { PullProgress } from "../image/pull_image.ts";
