// SAM on a GPU, in fp32 and under autocast, against fp32 on the CPU.
#include "tessera/segmentation/sam/sam.h"

#include "tessera/nn/autocast.h"
#include "tessera/segmentation/demo_sam/recipe.h"

#include "gpu_testing.h"

namespace tessera::segmentation {
namespace {

using testing::relative_rms;
class SamOnGpu : public testing::OnGpu {};

struct Answers {
  at::Tensor embedding, boxes, masks, dense;
};

TEST_F(SamOnGpu, AnswersAsOnTheCpu) {
  const at::NoGradGuard no_grad;
  const SamConfig config = tiny_sam_config();
  Sam sam(config);
  sam.initialise(7);
  const at::Tensor images =
      (normal({2, 3, config.image_size, config.image_size}, 1) * 60 + 120).clamp(0, 255);
  const at::Tensor boxes =
      at::tensor({10.f, 12.f, 40.f, 50.f, 60.f, 8.f, 100.f, 90.f}).view({2, 4});
  const at::Tensor masks = normal({2, 1, config.mask_size(), config.mask_size()}, 2) * 5;
  const at::Tensor dense = normal({2, config.prompt_dim, config.grid(), config.grid()}, 3);
  const auto ask = [&](at::Device device) {
    const at::Tensor embedding = sam.encode_image(sam.normalise(images.to(device)));
    Sam::Prompts prompts;
    prompts.boxes = boxes.to(device);
    const at::Tensor by_box = sam.decode(embedding, prompts, true).logits;
    prompts.masks = masks.to(device);
    return Answers{embedding, by_box, sam.decode(embedding, prompts, false).logits,
                   sam.decode_dense(embedding, dense.to(device)).logits};
  };
  const Answers want = ask(at::kCPU);
  sam.to(gpu);
  const auto expect_near = [&](const Answers& got, double bound) {
    EXPECT_LT(relative_rms(got.embedding, want.embedding), bound);
    EXPECT_LT(relative_rms(got.boxes, want.boxes), bound);
    EXPECT_LT(relative_rms(got.masks, want.masks), bound);
    EXPECT_LT(relative_rms(got.dense, want.dense), bound);
  };
  expect_near(ask(gpu), 1e-4);
  // Some 40 roundings to bf16 one after the other, each about .0015 in the root mean square, which
  // make .01; five times that, since norms in between may enlarge them.
  const nn::AutocastOnCuda autocast(gpu);
  expect_near(ask(gpu), 0.05);
}

}  // namespace
}  // namespace tessera::segmentation
