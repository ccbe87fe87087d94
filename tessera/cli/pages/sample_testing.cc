#include "tessera/cli/pages/sample_testing.h"

#include <algorithm>
#include <cmath>

#include "tessera/cli/pages/compare_page.h"
#include "tessera/cli/pages/demo_index_page.h"
#include "tessera/cli/pages/segment_sample_testing.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/media/ffmpeg.h"
#include "tessera/media/quality.h"
#include "tessera/media/video_writer.h"

namespace tessera::cli::pages {
namespace {

namespace fs = std::filesystem;

// Skipping sets in after the first steps, grows, and differs from layer to layer.
double sample_share(int step, int steps, int layer, int layers, int stream, Random* random) {
  if (step < 2 || step + 1 == steps || layer == 0) return 0;
  const double progress = double(step - 1) / (steps - 2), depth = double(layer) / layers;
  const double level = 0.25 + 0.6 * std::sin(3.1 * depth) - 0.08 * stream;
  const double share = level * (1 - std::exp(-3.5 * progress)) + 0.06 * (random->uniform() - 0.5);
  return std::clamp(share, 0.0, 0.97);
}

TileCounts sample_tiles(int steps, int layers, uint64_t seed) {
  TileCounts tiles{steps, layers, {"conditional", "unconditional"}, {}, {}};
  Random random(seed);
  for (int step = 0; step < steps; ++step) {
    for (int layer = 0; layer < layers; ++layer) {
      for (int stream = 0; stream < 2; ++stream) {
        const int64_t total = 12 * 41 * 41;
        const double share = sample_share(step, steps, layer, layers, stream, &random);
        tiles.total.push_back(total);
        tiles.kept.push_back(total - std::llround(share * total));
      }
    }
  }
  return tiles;
}

void fill_times(CompareReport* report, uint64_t seed) {
  Random random(seed + 1);
  for (int step = 0; step < report->steps; ++step) {
    const double dense = 0.61 + 0.03 * random.uniform();
    const double skipped = skipped_share(report->tiles, step);
    report->dense.step_seconds.push_back(dense);
    report->lite.step_seconds.push_back(dense * (1.02 - 0.62 * skipped));
  }
  for (RunReport* run : {&report->dense, &report->lite}) {
    for (const double seconds : run->step_seconds) run->total_seconds += seconds;
  }
}

// Writes one film, as .mp4 where that is possible, and always as frames.
FilmSource write_films(const fs::path& folder, const std::string& name, const media::Frames& film) {
  FilmSource source;
  media::write_film(folder / name, film);
  for (int i = 0; i < film.num_frames; ++i) {
    char frame[40];
    std::snprintf(frame, sizeof frame, "/frame_%04d.png", i);
    source.frames.push_back(name + frame);
  }
  if (media::ffmpeg_status().can_write_mp4) {
    source.video = name + ".mp4";
    media::write_film(folder / source.video, film);
  }
  return source;
}

DemoComparison write_comparison(const fs::path& folder, const std::string& name,
                                CompareReport report, double error) {
  fs::create_directories(folder / name);
  const auto dense = sample_film(report.num_frames, report.height, report.width, 0);
  const auto lite = sample_film(report.num_frames, report.height, report.width, error);
  report.dense.film = write_films(folder / name, "dense", dense);
  report.lite.film = write_films(folder / name, "lite", lite);
  if (name == "frames_only") report.dense.film.video = report.lite.film.video = "";
  const auto quality = media::compare_films(dense, lite);
  report.psnr = quality.psnr;
  report.ssim = quality.ssim;
  report.frame_psnr = quality.frame_psnr;
  report.frame_ssim = quality.frame_ssim;
  write_file(folder / name / "report.json", to_json(report).dump(1));
  write_file(folder / name / "index.html", compare_page(report, {.index = "../index.html"}));
  return {name + "/", report};
}

}  // namespace

CompareReport sample_report(const std::string& prompt, int steps, int layers, uint64_t seed) {
  CompareReport report;
  report.prompt = prompt;
  report.negative_prompt = "blurred, jerky, overexposed";
  report.model = "demo-video";
  report.seed = seed;
  report.width = 160;
  report.height = 96;
  report.num_frames = 21;
  report.fps = 16;
  report.steps = steps;
  report.guidance = 5;
  report.tokens = 1560;
  report.q_tile = report.kv_tile = 64;
  report.policy = "max_gap, threshold -6.93 (natural log)";
  report.direction = "alternating";
  report.token_order = "hilbert";
  report.backend = "cpu (AVX-512)";
  report.machine = "Intel Xeon, 2 cores";
  report.threads = 2;
  report.torch_version = "2.11.0";
  report.tessera_version = "0.1.0";
  report.tiles = sample_tiles(steps, layers, seed);
  fill_times(&report, seed);
  report.psnr = 34.2;
  report.ssim = 0.962;
  for (int i = 0; i < report.num_frames; ++i) {
    report.frame_ssim.push_back(0.975 - 0.001 * i);
    report.frame_psnr.push_back(36 - 0.15 * i);
  }
  return report;
}

media::Frames sample_film(int num_frames, int height, int width, double error) {
  media::Frames film = media::make_frames(num_frames, height, width, 16);
  for (int f = 0; f < num_frames; ++f) {
    const double phase = double(f) / num_frames;
    const double centre_x = width * (0.15 + 0.7 * phase) + error * f;
    const double centre_y = height * (0.75 - 1.6 * phase * (1 - phase));
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const double distance = std::hypot(x - centre_x, y - centre_y);
        const double disc = 1 / (1 + std::exp((distance - height / 6.0) / 1.5));
        const double sky = double(y) / height;
        film.at(f, y, x, 0) = uint8_t(40 + 60 * sky + (150 - 60 * sky) * disc);
        film.at(f, y, x, 1) = uint8_t(80 + 70 * sky + (40 - 20 * error) * disc);
        film.at(f, y, x, 2) = uint8_t(150 - 40 * sky - 90 * disc);
      }
    }
  }
  return film;
}

void write_sample(const fs::path& folder) {
  DemoIndex index;
  index.title = "Films that skip what does not matter";
  index.text =
      "The same prompts and seeds, once with dense attention and once with LiteAttention: tiles "
      "that earlier denoising steps found not to matter are left out.";
  DemoSection films{"Text to video", "Made by the demo model that ships with tessera.", {}, {}};
  films.comparisons.push_back(write_comparison(
      folder, "video", sample_report("An orange ball bounces over a quiet blue sea", 20, 6, 7),
      0.02));
  films.comparisons.push_back(write_comparison(
      folder, "frames_only",
      sample_report("A \"quoted\" <b>prompt</b> & a long one: a red disc rises slowly behind the "
                    "hills while the camera stays still, soft morning light, film grain",
                    50, 30, 11),
      0.12));
  const SegmentReport report = sample_segment_report(8, 20, 3);
  DemoSection masks{"Segmentation", "A frozen SAM, prompted by a small trained network."};
  masks.methods = report.methods;
  masks.cases = {report.typical.front(), report.worst.front()};
  masks.links = {{"Full report", "segment.html"}};
  write_file(folder / "segment.html", segment_report(report));
  index.sections = {films, masks};
  index.footer = "tessera 0.1.0 · torch 2.11.0 · Intel Xeon, 2 cores";
  write_file(folder / "index.html", demo_index_page(index));
}

}  // namespace tessera::cli::pages
