// torch's random numbers: the same seed gives what torch.Generator().manual_seed(seed) gives.

class Random {
  constructor(seed) { // Mersenne Twister (Matsumoto and Nishimura 1998)
    this.state = new Uint32Array(624);
    this.state[0] = seed >>> 0;
    for (let i = 1; i < 624; i++) {
      const last = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, last) + i;
    }
    this.place = 624;
    this.kept = null; // normal numbers are made in pairs
  }

  word() {
    if (this.place === 624) this.renew();
    let y = this.state[this.place++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  renew() {
    const s = this.state;
    for (let i = 0; i < 624; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
      s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.place = 0;
  }

  /** torch.rand: float32, in [0, 1). */
  rand() {
    return (this.word() & 0xffffff) / 2 ** 24;
  }

  /** torch.randn of fewer than 16 numbers: float32. */
  randn() {
    if (this.kept !== null) {
      const kept = this.kept;
      this.kept = null;
      return Math.fround(kept);
    }
    const double = () => ((this.word() & 0x1fffff) * 2 ** 32 + this.word()) / 2 ** 53;
    const u1 = double(), u2 = double();
    const radius = Math.sqrt(-2 * Math.log1p(-u2)), angle = 2 * Math.PI * u1;
    this.kept = radius * Math.sin(angle);
    return Math.fround(radius * Math.cos(angle));
  }

  /** masks.samplers.integers: one whole number, both ends included. */
  integer(low, high) {
    return low + Math.floor(this.rand() * (high - low + 1));
  }
}
