#include "tessera/nn/torch_checkpoint.h"

#include <fstream>
#include <vector>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"

namespace tessera::nn {
namespace {

// Made by tests/golden/make_torch_checkpoint_golden.py.
std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/golden/torch_checkpoint" / name;
}

std::string io_error(const std::string& name) {
  try {
    load_torch_checkpoint(golden(name));
  } catch (const IoError& error) {
    return error.what();
  }
  return "";
}

std::vector<std::byte> bytes_of(const std::string& name) {
  const MappedFile file(golden(name));
  return {file.bytes().begin(), file.bytes().end()};
}

/// Whether the bytes load; anything but a result or an IoError fails the test.
bool loads(std::span<const std::byte> bytes) {
  try {
    parse_torch_checkpoint(bytes, "changed.pth");
    return true;
  } catch (const IoError&) {
    return false;
  }
}

#define EXPECT_IN(part, text) \
  EXPECT_NE((text).find(part), std::string::npos) << "in: \"" << (text) << "\""

TEST(TorchCheckpoint, HoldsWhatPythonSaved) {
  const auto want = load_weights(golden("state_dict.safetensors"));
  for (const char* name : {"state_dict.pth", "protocol4.pth"}) {
    const auto got = load_torch_checkpoint(golden(name));
    ASSERT_EQ(got.tensors.size(), want.tensors.size()) << name;
    for (const auto& [key, tensor] : want.tensors) {
      EXPECT_EQ(got.tensors.at(key).scalar_type(), tensor.scalar_type()) << key;
      EXPECT_TRUE(at::equal(got.tensors.at(key), tensor)) << name << " " << key;
    }
  }
}

TEST(TorchCheckpoint, TakesParametersAsTensors) {
  const auto want = load_weights(golden("state_dict.safetensors"));
  const auto got = load_torch_checkpoint(golden("parameters.pth"));
  ASSERT_EQ(got.tensors.size(), 9u);
  for (const auto& [key, tensor] : got.tensors) {
    EXPECT_TRUE(at::equal(tensor, want.tensors.at(key))) << key;
    EXPECT_FALSE(tensor.requires_grad()) << key;
  }
}

TEST(TorchCheckpoint, RefusesToCallAnything) {
  EXPECT_IN("the pickle may only name what a state dict of tensors needs",
            io_error("system_call.pth"));
  EXPECT_IN("got: posix.system", io_error("system_call.pth"));
  EXPECT_IN("got: collections.OrderedDict with 1 arguments", io_error("other_call.pth"));
}

TEST(TorchCheckpoint, NamesWhatItCannotTake) {
  EXPECT_IN("got: the format from before PyTorch 1.6", io_error("legacy.pth"));
  EXPECT_IN("got: a dict under \"model\"", io_error("nested.pth"));
  EXPECT_IN("tensor \"layer\" must be finite, got: NaN or Inf", io_error("not_finite.pth"));
  EXPECT_IN("must be stored, as torch.save does, got: compression method 8",
            io_error("compressed.pth"));
  EXPECT_IN("must be little-endian, got: big", io_error("big_endian.pth"));
  EXPECT_IN("must be a ZIP file of torch.save, got: other bytes",
            io_error("state_dict.safetensors"));
  EXPECT_IN("absent.pth", io_error("absent.pth"));
}

TEST(TorchCheckpoint, RefusesEveryTruncation) {
  const auto whole = bytes_of("state_dict.pth");
  for (size_t size = 0; size < whole.size(); ++size)
    ASSERT_FALSE(loads(std::span(whole).first(size))) << size;
  EXPECT_TRUE(loads(whole));
}

TEST(TorchCheckpoint, SurvivesThousandsOfMutations) {
  Random random(5);
  int refused = 0;
  for (const char* name : {"state_dict.pth", "protocol4.pth", "parameters.pth"}) {
    const auto whole = bytes_of(name);
    for (int i = 0; i < 2000; ++i) {
      auto changed = whole;
      for (int64_t n = random.below(4); n >= 0; --n)
        changed[random.below(changed.size())] = static_cast<std::byte>(random.below(256));
      refused += loads(changed) ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 1000);
}

/// Mutations of the pickle alone, where most bytes matter.
TEST(TorchCheckpoint, SurvivesMutationsOfThePickle) {
  const auto whole = bytes_of("state_dict.pth");
  const std::string_view text(reinterpret_cast<const char*>(whole.data()), whole.size());
  const auto begin = text.find("ccollections"), end = text.find("PK", begin);
  ASSERT_NE(begin, std::string_view::npos);
  Random random(6);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    auto changed = whole;
    for (int64_t n = random.below(3); n >= 0; --n)
      changed[begin + random.below(end - begin)] = static_cast<std::byte>(random.below(256));
    refused += loads(changed) ? 0 : 1;
  }
  EXPECT_GT(refused, 1500);
}

}  // namespace
}  // namespace tessera::nn
