#include "tessera/video/demo/renderer.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "tessera/core/error.h"
#include "tessera/video/demo/patterns.h"
#include "tessera/video/demo/upload.h"

namespace tessera::video {
namespace {

// How objects and bars look.
constexpr double kObjectLightX = 0.084, kObjectLightY = 0.112;  // darker by so much a radius
constexpr double kObjectLightMin = 0.7, kObjectLightMax = 1.2;
constexpr double kOutlineWidth = 0.028, kOutlineDarkness = 0.55;  // heights; share taken away
constexpr double kPostGray = 0.52, kPostRoundness = 0.22;

// Pixels that are drawn at once. On a GPU: 64 clips of 16 x 64 x 128 take about 0.7 GB. On a CPU:
// a plane of one such clip is 512 KB and stays in the cache.
constexpr int64_t kGpuPixels = 1 << 23, kCpuPixels = 1 << 17;

// Columns of the tables.
enum GroundColumn : int64_t {
  kGroundBase = 0,
  kGroundAlternate = 3,
  kGroundFrequency = 6,
  kGroundAngle,
  kGroundPhase,
  kGroundLight,
  kBarPeriodColumn,
  kBarHalfWidthColumn,
  kBarPhase,
  kGroundWaves,
};

enum ObjectColumn : int64_t { kBase = 0, kAlternate = 3, kFrequency = 6, kAngle, kPhase };

void append(std::vector<float>& row, const Rgb& colour) {
  row.insert(row.end(), colour.begin(), colour.end());
}

/// The kinds that occur in a batch, each with its rows: what does not occur costs nothing.
template <typename Kind>
using Variants = std::vector<std::pair<Kind, Rows>>;

template <typename Kind>
Variants<Kind> variants_of(const std::vector<Kind>& kinds, Upload& upload) {
  Variants<Kind> result;
  std::vector<Kind> present = kinds;
  std::sort(present.begin(), present.end());
  present.erase(std::unique(present.begin(), present.end()), present.end());
  for (const Kind kind : present) {
    std::vector<int64_t> rows;
    for (size_t i = 0; i < kinds.size(); ++i) {
      if (kinds[i] == kind) rows.push_back(static_cast<int64_t>(i));
    }
    result.emplace_back(kind, upload.add_rows(rows, static_cast<int64_t>(kinds.size())));
  }
  return result;
}

/// The i-th objects of all scenes that have so many.
struct Layer {
  Rows clips;
  Block numbers;  // [m, columns]
  Block path;     // [m, F, 4]
  Variants<ObjectShape> shapes;
  Variants<ObjectFill> fills;
};

class Drawing {
 public:
  Drawing(std::span<const Scene> scenes, const ClipShape& shape, at::Device device)
      : num_clips_(static_cast<int64_t>(scenes.size())),
        shape_(shape),
        options_(at::TensorOptions().device(device).dtype(at::kFloat)),
        pixel_(1.0 / static_cast<double>(shape.height)) {
    add_ground(scenes);
    for (size_t i = 0; i < kMaxObjects; ++i) add_layer(scenes, i);
    upload_.send(device);
    x_ = at::arange(shape.width, options_).add_(0.5).mul_(pixel_).view({1, 1, 1, -1});
    y_ = at::arange(shape.height, options_).add_(0.5).mul_(pixel_).view({1, 1, -1, 1});
    scene_x_ = x_ - upload_[camera_].view({num_clips_, -1, 1, 1});  // [n, F, 1, W]
  }

  at::Tensor draw() const {
    at::Tensor image = draw_ground();  // [n, 3, F, H, W]
    for (const Layer& layer : layers_) draw_layer(layer, image);
    if (with_bars_.count > 0) draw_bars(image);
    return image.clamp_(0, 1).mul_(2).sub_(1);
  }

 private:
  void add_ground(std::span<const Scene> scenes) {
    std::vector<float> numbers, camera;
    std::vector<GroundTexture> textures;
    std::vector<int64_t> with_bars;
    for (const Scene& scene : scenes) {
      const Ground& ground = scene.ground;
      append(numbers, ground.base);
      append(numbers, ground.alternate);
      for (const float number : {ground.frequency, ground.angle, ground.phase, ground.light,
                                 scene.bars.period, scene.bars.half_width, scene.bars.phase}) {
        numbers.push_back(number);
      }
      for (const Wave& wave : ground.waves) {
        append(numbers, {wave.x_frequency, wave.y_frequency, wave.phase});
      }
      camera.insert(camera.end(), scene.camera.begin(), scene.camera.end());
      if (scene.bars.is_present) with_bars.push_back(static_cast<int64_t>(textures.size()));
      textures.push_back(ground.texture);
    }
    grounds_ = upload_.add(numbers, {num_clips_, -1});
    camera_ = upload_.add(camera, {num_clips_, shape_.frames});
    textures_ = variants_of(textures, upload_);
    with_bars_ = upload_.add_rows(with_bars, num_clips_);
  }

  void add_layer(std::span<const Scene> scenes, size_t i) {
    std::vector<float> numbers, path;
    std::vector<ObjectShape> shapes;
    std::vector<ObjectFill> fills;
    std::vector<int64_t> clips;
    for (size_t clip = 0; clip < scenes.size(); ++clip) {
      if (scenes[clip].objects.size() <= i) continue;
      const SceneObject& object = scenes[clip].objects[i];
      append(numbers, object.base);
      append(numbers, object.alternate);
      append(numbers, {object.fill_frequency, object.fill_angle, object.fill_phase});
      for (const Pose& pose : object.path) {
        for (const float number : {pose.x, pose.y, pose.radius, pose.angle}) path.push_back(number);
      }
      shapes.push_back(object.shape);
      fills.push_back(object.fill);
      clips.push_back(static_cast<int64_t>(clip));
    }
    if (clips.empty()) return;
    const auto count = static_cast<int64_t>(clips.size());
    layers_.push_back({upload_.add_rows(clips, num_clips_), upload_.add(numbers, {count, -1}),
                       upload_.add(path, {count, shape_.frames, 4}), variants_of(shapes, upload_),
                       variants_of(fills, upload_)});
  }

  /// Column of a table, one number a clip.
  static at::Tensor number(const at::Tensor& table, int64_t column) {
    return table.select(1, column).view({-1, 1, 1, 1});
  }

  /// base + (alternate - base) * mix: [n, 3, F, H, W], or smaller where mix is.
  static at::Tensor colour(const at::Tensor& table, const at::Tensor& mix) {
    const auto base = table.narrow(1, kBase, 3).view({-1, 3, 1, 1, 1});
    const auto alternate = table.narrow(1, kAlternate, 3).view({-1, 3, 1, 1, 1});
    return (mix.unsqueeze(1) * (alternate - base)).add_(base);
  }

  /// Fills a plane [count, F, H, W] from what `draw_kind` gives for each kind's rows; zero where it
  /// gives an undefined tensor.
  template <typename Kind, typename Function>
  at::Tensor assemble(const Variants<Kind>& variants, int64_t count, Function draw_kind) const {
    at::Tensor plane;
    for (const auto& [kind, rows] : variants) {
      const at::Tensor part = draw_kind(kind, rows);
      if (!part.defined()) continue;
      if (rows.is_all) return part;
      if (!plane.defined()) {
        plane = at::zeros({count, shape_.frames, shape_.height, shape_.width}, options_);
      }
      upload_.put(plane, rows, part);
    }
    return plane.defined() ? plane : at::zeros({1, 1, 1, 1}, options_);
  }

  at::Tensor draw_ground() const {
    const at::Tensor table = upload_[grounds_];
    const at::Tensor pixel = at::full({1, 1, 1, 1}, pixel_, options_);
    const auto draw_kind = [&](GroundTexture kind, const Rows& rows) -> at::Tensor {
      if (kind == GroundTexture::kPlain) return {};
      const at::Tensor own = upload_.take(table, rows), x = upload_.take(scene_x_, rows);
      if (kind == GroundTexture::kCloudy) {
        return cloud_mix(own.narrow(1, kGroundWaves, 3 * kNumWaves), x, y_);
      }
      return ground_mix(kind, x, y_,
                        {number(own, kGroundFrequency), number(own, kGroundAngle),
                         number(own, kGroundPhase), pixel});
    };
    const at::Tensor mix = assemble(textures_, num_clips_, draw_kind);
    const at::Tensor light = (y_ - 0.5) * number(table, kGroundLight) + 1;
    at::Tensor image =
        at::empty({num_clips_, 3, shape_.frames, shape_.height, shape_.width}, options_);
    return image.copy_(colour(table, mix) * light.unsqueeze(1));
  }

  void draw_layer(const Layer& layer, at::Tensor& image) const {
    const at::Tensor table = upload_[layer.numbers], path = upload_[layer.path];
    const auto pose = [&](int64_t column) {
      return path.select(2, column).unsqueeze(2).unsqueeze(3);  // [m, F, 1, 1]
    };
    const at::Tensor radius = pose(2), cosine = pose(3).cos(), sine = pose(3).sin();
    const at::Tensor dx = (x_ - pose(0)) / radius;  // [m, F, 1, W], in radii
    const at::Tensor dy = (y_ - pose(1)) / radius;  // [m, F, H, 1]
    const at::Tensor x = dx * cosine + dy * sine, y = dy * cosine - dx * sine;
    const at::Tensor pixel = pixel_ / radius;

    const auto draw_shape = [&](ObjectShape kind, const Rows& rows) {
      return shape_distance(kind, upload_.take(x, rows), upload_.take(y, rows));
    };
    const auto draw_fill = [&](ObjectFill kind, const Rows& rows) -> at::Tensor {
      if (kind == ObjectFill::kPlain) return {};
      const at::Tensor own = upload_.take(table, rows);
      return fill_mix(kind, upload_.take(x, rows), upload_.take(y, rows),
                      {number(own, kFrequency), number(own, kAngle), number(own, kPhase),
                       upload_.take(pixel, rows)});
    };
    at::Tensor distance = assemble(layer.shapes, layer.clips.count, draw_shape);
    const at::Tensor mix = assemble(layer.fills, layer.clips.count, draw_fill);

    // Light from the upper left and a dark outline.
    at::Tensor shade = (distance * radius).add_(kOutlineWidth).div_(pixel_).add_(0.5).clamp_(0, 1);
    shade.mul_(-kOutlineDarkness).add_(1);
    shade.mul_(
        (1 - dx * kObjectLightX - dy * kObjectLightY).clamp_(kObjectLightMin, kObjectLightMax));
    const at::Tensor covered = coverage(distance, pixel);

    at::Tensor canvas = upload_.take(image, layer.clips);
    canvas.lerp_(colour(table, mix) * shade.unsqueeze(1), covered.unsqueeze(1));
    upload_.put(image, layer.clips, canvas);
  }

  void draw_bars(at::Tensor& image) const {
    const at::Tensor table = upload_.take(upload_[grounds_], with_bars_);
    const at::Tensor period = number(table, kBarPeriodColumn);
    const at::Tensor half_width = number(table, kBarHalfWidthColumn);
    at::Tensor x = upload_.take(scene_x_, with_bars_) / period + number(table, kBarPhase);
    x.sub_(x.round()).mul_(period);  // from the post's axis
    const at::Tensor covered = coverage(x.abs().sub_(half_width), at::full({1}, pixel_, options_));
    const at::Tensor post = x.div_(half_width).mul_(-kPostRoundness).add_(kPostGray);
    at::Tensor canvas = upload_.take(image, with_bars_);
    canvas.lerp_(post.unsqueeze(1), covered.unsqueeze(1));
    upload_.put(image, with_bars_, canvas);
  }

  int64_t num_clips_;
  ClipShape shape_;
  at::TensorOptions options_;
  double pixel_;  // heights
  Upload upload_;
  Block grounds_, camera_;
  Variants<GroundTexture> textures_;
  Rows with_bars_;
  std::vector<Layer> layers_;
  at::Tensor x_, y_;    // [1, 1, 1, W] and [1, 1, H, 1]: middles of the pixels
  at::Tensor scene_x_;  // what the camera sees there
};

}  // namespace

at::Tensor render_scenes(std::span<const Scene> scenes, const ClipShape& shape, at::Device device) {
  const auto num_clips = static_cast<int64_t>(scenes.size());
  at::Tensor films = at::empty({num_clips, 3, shape.frames, shape.height, shape.width},
                               at::TensorOptions().device(device).dtype(at::kFloat));
  const int64_t limit = device.is_cpu() ? kCpuPixels : kGpuPixels;
  const int64_t at_once = std::max<int64_t>(1, limit / (shape.frames * shape.height * shape.width));
  for (int64_t begin = 0; begin < num_clips; begin += at_once) {
    const int64_t count = std::min(at_once, num_clips - begin);
    const Drawing drawing(scenes.subspan(begin, count), shape, device);
    films.narrow(0, begin, count).copy_(drawing.draw());
  }
  return films;
}

}  // namespace tessera::video
