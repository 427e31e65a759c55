// Requests of a control in motion: one at a time, always for its latest values. Values in between are never requested,
// and a response is shown only if it belongs to a later request than all that were shown before. Where there was no
// response, the latest values are requested again after a pause.

export class LatestOnly {
  // request(number, values): a promise of a response, or of nothing; show(response, number, values); patience: ms after which a
  // response that has not come no longer holds up the next request; pause: ms before a request is repeated.
  constructor(request, show, { patience, pause }) {
    Object.assign(this, { request, show, patience, pause });
    this.sent = 0; // the number of the last request
    this.settled = 0; // responses up to this number come too late
    this.open = 0; // the number of the request that holds up the next, or 0
    this.openValues = ""; // its values, as JSON
    this.next = null; // values to be requested next
    this.timer = 0; // of a repetition
  }

  want(values) {
    const underWay = this.open > this.settled && this.openValues === JSON.stringify(values);
    this.next = underWay ? null : values;
    if (!this.open) this.send();
  }

  // The responses to all requests so far are not wanted any more.
  forget() {
    clearTimeout(this.timer);
    this.next = null;
    this.settled = this.sent;
  }

  async send() {
    if (this.next === null) return;
    clearTimeout(this.timer);
    const number = ++this.sent;
    const values = this.next;
    this.next = null;
    this.open = number;
    this.openValues = JSON.stringify(values);
    const impatience = setTimeout(() => this.close(number), this.patience);
    const response = await this.request(number, values).catch(() => null);
    clearTimeout(impatience);
    this.close(number); // first, so that the next is on its way while this one is drawn
    if (number <= this.settled) return;
    this.settled = number;
    if (!response && !this.open) this.timer = setTimeout(() => this.want(values), this.pause);
    this.show(response, number, values);
  }

  close(number) {
    if (this.open !== number) return;
    this.open = 0;
    this.send();
  }
}
