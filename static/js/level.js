// The loudness of a microphone, drawn as bars that run from right to left.

const BAR = 5;
const GAP = 3;

export function level(canvas, stream) {
  const audio = new AudioContext();
  const ear = audio.createAnalyser();
  ear.fftSize = 1024;
  audio.createMediaStreamSource(stream).connect(ear);
  const samples = new Float32Array(ear.fftSize);
  const heights = new Array(Math.floor(canvas.width / (BAR + GAP))).fill(0);
  let frame = 0;
  let count = 0;

  function loudness() {
    ear.getFloatTimeDomainData(samples);
    const mean = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    return Math.min(1, Math.sqrt(mean) * 5);
  }

  function draw() {
    frame = requestAnimationFrame(draw);
    count += 1;
    if (count % 3) return;
    heights.shift();
    heights.push(loudness());
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = getComputedStyle(canvas).color;
    heights.forEach((height, index) => {
      const size = Math.max(4, height * canvas.height * 0.9);
      pen.fillRect(index * (BAR + GAP), (canvas.height - size) / 2, BAR, size);
    });
  }

  draw();
  return {
    stop() {
      cancelAnimationFrame(frame);
      audio.close();
    },
  };
}
