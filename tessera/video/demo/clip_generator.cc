#include "tessera/video/demo/clip_generator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/randn.h>

#include "tessera/core/error.h"
#include "tessera/video/demo/distribution.h"
#include "tessera/video/demo/renderer.h"

namespace tessera::video {
namespace {

at::Generator make_generator(at::Device device) {
  if (device.is_cpu()) return at::detail::createCPUGenerator();
  return at::globalContext()
      .getAcceleratorHooksInterface(device.type())
      .getNewGenerator(device.index());
}

void check_shape(int64_t batch, const ClipShape& shape) {
  TESSERA_CHECK(batch >= 1, "[ClipGenerator] batch must be >= 1, got: ", batch);
  TESSERA_CHECK(shape.frames >= 1 && shape.height >= 1 && shape.width >= 1,
                "[ClipGenerator] frames, height and width must be >= 1, got: ", shape.frames, " x ",
                shape.height, " x ", shape.width);
  TESSERA_CHECK(shape.film_frames == 0 || shape.film_frames >= shape.frames,
                "[ClipGenerator] film_frames must be 0 or >= frames (", shape.frames,
                "), got: ", shape.film_frames);
}

}  // namespace

ClipGenerator::ClipGenerator(at::Device device) : device_(device), noise_(make_generator(device)) {}

Clips ClipGenerator::draw(int64_t batch, const ClipShape& shape, uint64_t seed) {
  check_shape(batch, shape);
  Clips clips;
  std::vector<Scene> scenes;
  scenes.reserve(static_cast<size_t>(batch));
  Random seeds(seed);
  for (int64_t i = 0; i < batch; ++i) {
    // Each clip has a stream of its own: how many numbers a scene takes depends on the platform's
    // rounding, and must not reach the next clip's prompt.
    Random random(seeds.next());
    Attributes attributes = sample_attributes(random);
    scenes.push_back(make_scene(attributes, shape, random));
    clips.prompts.push_back(std::move(attributes.prompt));
  }
  clips.video = render_scenes(scenes, shape, device_);
  if (distribution::kNoise > 0) {
    noise_.set_current_seed(seeds.next());
    const auto noise = at::randn(clips.video.sizes(), noise_, clips.video.options());
    clips.video.add_(noise, distribution::kNoise).clamp_(-1, 1);
  }
  return clips;
}

}  // namespace tessera::video
