// The player's track of noise and picture (player/noise_track.js), over t instead of over the steps of a run.

import { NoiseTrack } from "../player/noise_track.js";

export class SplitTrack extends NoiseTrack {
  // levels: { alpha, sigma }, lists over t from 0 to 1; place: the index of the present one.
  draw({ alpha, sigma }, place) {
    const frames = alpha.map((signal, step) => ({ step, alpha: signal, sigma: sigma[step] }));
    super.draw(frames, alpha.length - 1, place);
  }
}
