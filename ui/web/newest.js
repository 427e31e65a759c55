// Questions that a moving hand asks: one at a time, always for where it is now. What it has passed meanwhile is never
// asked, and an answer is shown only if it is newer than all that was shown before. Where none could be had, the last
// question is asked again after a while.

class Newest {
  // ask(number, values): a promise of an answer, or of nothing; show(answer, number); patience: ms after which an answer
  // that has not come no longer holds up the next question; pause: ms before a question is asked again.
  constructor(ask, show, patience, pause) {
    Object.assign(this, { ask, show, patience, pause });
    this.asked = 0; // the number of the last question
    this.settled = 0; // what has this number, or a lower one, comes too late
    this.open = 0; // the number of the question that is being waited for, or 0
    this.about = ""; // what that is about
    this.next = null; // what to ask next
    this.again = 0; // a timer
  }

  want(values) {
    const known = this.open > this.settled && this.about === JSON.stringify(values);
    this.next = known ? null : values;
    if (!this.open) this.send();
  }

  // Whatever has been asked so far: its answer is not wanted any more.
  forget() {
    clearTimeout(this.again);
    this.next = null;
    this.settled = this.asked;
  }

  async send() {
    clearTimeout(this.again);
    const number = ++this.asked;
    const values = this.next;
    this.next = null;
    this.open = number;
    this.about = JSON.stringify(values);
    const timer = setTimeout(() => this.goOn(number), this.patience);
    const answer = await this.ask(number, values);
    clearTimeout(timer);
    this.goOn(number); // first, so that the next is on its way while this one is drawn
    if (number <= this.settled) return;
    this.settled = number;
    if (!answer && !this.open) this.again = setTimeout(() => this.want(values), this.pause);
    this.show(answer, number);
  }

  goOn(number) {
    if (this.open !== number) return;
    this.open = 0;
    if (this.next) this.send();
  }
}
