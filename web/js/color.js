// Stands for the package @kurkle/color inside Chart.js, which computes with colours only for hover tints and
// animations. Neither is used here, so a colour can stay the text that it is; that saves 3 kB on every load.
export class Color {
  constructor(text) {
    this.text = text;
    this.valid = true;
  }

  saturate() {
    return this;
  }

  darken() {
    return this;
  }

  mix(other) {
    return other;
  }

  hexString() {
    return String(this.text);
  }
}
