#include "tessera/cli/pages/page_frame.h"

namespace tessera::cli::pages {

// Plays the films of one player together: videos natively, frame folders on a canvas (drawing
// loaded pictures does not flicker as changing an <img> does). Frames load when the player comes
// near the screen, and playing stops when it leaves it. Without the script the first frame shows,
// and videos keep the browser's own controls, as they do where the number of frames is unknown.
std::string_view player_script() {
  return R"js(
"use strict";
function makeScreen(element, fps) {
  const frames = JSON.parse(element.dataset.frames || "[]");
  const screen = { video: element.querySelector("video"), index: 0 };
  let images = [], canvas = null;
  const draw = () => {
    const image = images[screen.index];
    if (!image || !image.complete || !image.naturalWidth) return;
    if (canvas.width !== image.naturalWidth) canvas.width = image.naturalWidth;
    if (canvas.height !== image.naturalHeight) canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    if (!canvas.isConnected) element.replaceChildren(canvas);
  };
  const useFrames = () => {
    if (canvas || !frames.length) return;
    if (screen.video) screen.video.pause();
    screen.video = null;
    canvas = document.createElement("canvas");
    images = frames.map((source, index) => {
      const image = new Image();
      image.onload = () => { if (index === screen.index) draw(); };
      image.src = source;
      return image;
    });
  };
  screen.useFrames = useFrames;
  screen.load = () => {
    if (!screen.video) return useFrames();
    screen.video.removeAttribute("controls");
    screen.video.addEventListener("error", useFrames);
    if (screen.video.error) useFrames();
  };
  screen.show = (index) => {
    screen.index = index;
    if (screen.video) screen.video.currentTime = (index + 0.5) / fps;
    else if (canvas) draw();
  };
  return screen;
}
// Brings a video to where the leading one is: gently by its speed, at once when it is far off.
function follow(video, seconds) {
  const late = seconds - video.currentTime;
  if (Math.abs(late) > 0.4) video.currentTime = seconds;
  video.playbackRate = 1 + Math.max(-0.25, Math.min(0.25, 3 * late));
}
function makePlayer(player) {
  const fps = +player.dataset.fps, count = +player.dataset.count;
  const screens = [...player.querySelectorAll(".screen")].map((e) => makeScreen(e, fps));
  const films = player.querySelector(".films"), controls = player.querySelector(".controls");
  let isPlaying = false, isLoaded = false, wantsPlay = true, frame = 0, start = 0;
  if (count < 2 || !controls) return;
  const seek = controls.querySelector(".seek"), play = controls.querySelector(".play");
  const counter = controls.querySelector(".frame-count");
  const report = () => { seek.value = frame; counter.textContent = `${frame + 1} / ${count}`; };
  const show = (index) => { frame = index; screens.forEach((s) => s.show(index)); report(); };
  const tick = (now) => {
    if (!isPlaying) return;
    const lead = screens.find((s) => s.video);
    const seconds = lead ? lead.video.currentTime : (now - start) / 1000 % (count / fps);
    frame = Math.max(0, Math.min(count - 1, Math.floor(seconds * fps + 1e-6)));
    for (const s of screens) {
      if (!s.video) s.show(frame);
      else if (s !== lead) follow(s.video, seconds);
    }
    report();
    requestAnimationFrame(tick);
  };
  const setPlaying = (on) => {
    if (on === isPlaying) return;
    isPlaying = on;
    play.textContent = on ? "Pause" : "Play";
    screens.forEach((s) => { if (s.video) on ? s.video.play().catch(() => {}) : s.video.pause(); });
    start = performance.now() - frame / fps * 1000;
    if (on) requestAnimationFrame(tick);
  };
  play.onclick = () => { wantsPlay = !isPlaying; setPlaying(wantsPlay); };
  seek.oninput = () => { wantsPlay = false; setPlaying(false); show(+seek.value); };
  player.querySelectorAll(".modes button").forEach((button, _, all) => {
    button.onclick = () => {
      films.className = "films " + button.dataset.mode;
      // Laid over each other, films must agree to the frame, which two videos cannot promise.
      if (button.dataset.mode !== "side") screens.forEach((s) => s.useFrames());
      start = performance.now() - frame / fps * 1000;
      all.forEach((other) => other.setAttribute("aria-pressed", other === button));
    };
  });
  films.addEventListener("pointermove", (event) => {
    const box = films.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    films.style.setProperty("--wipe", `${Math.max(0, Math.min(1, share)) * 100}%`);
  });
  controls.hidden = false;
  report();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) wantsPlay = false;
  new IntersectionObserver((entries) => {
    const isNear = entries[entries.length - 1].isIntersecting;
    if (isNear && !isLoaded) { isLoaded = true; screens.forEach((s) => s.load()); }
    setPlaying(isNear && wantsPlay);
  }, { rootMargin: "200px" }).observe(player);
}
document.querySelectorAll(".player").forEach(makePlayer);
)js";
}

}  // namespace tessera::cli::pages
