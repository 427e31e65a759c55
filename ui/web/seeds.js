// The seeds of runs. "random" takes a new one for each, unless a hand has set it since the run before; and a run that
// came to nothing has used none.

const RANGE = 2 ** 32;

export function randomSeed() {
  return Math.floor(Math.random() * RANGE);
}

export class Seeds {
  constructor(choices) {
    this.choices = choices;
    this.used = 0; // the turn of the choices at which the last run took its seed
    this.before = null; // what the field showed, and `used`, before the last run
  }

  // Whether a hand has set the field since the last run.
  get typed() {
    return this.choices.hands.get("seed")?.turn > this.used;
  }

  // The seed of a run that begins, given what the field shows.
  next(mode, shown) {
    this.before = { shown, used: this.used };
    const seed = mode === "random" && !this.typed ? randomSeed() : shown;
    this.used = this.choices.turn;
    this.choices.values.seed = seed;
    return seed;
  }

  // Another seed, or that of a picture, as a hand sets one. Returns it.
  set(seed = randomSeed()) {
    this.choices.set("seed", seed);
    return seed;
  }

  // The last run came to nothing. Returns what the field shows again; nothing where a hand has set it meanwhile.
  giveBack() {
    const { before } = this;
    this.before = null;
    if (!before || this.typed) return undefined;
    this.used = before.used;
    this.choices.values.seed = before.shown;
    return before.shown;
  }
}
