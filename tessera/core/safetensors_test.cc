#include "tessera/core/safetensors.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera {
namespace {

std::string file_with_header(const std::string& header, size_t data_bytes) {
  const uint64_t size = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &size, 8);
  return file + header + std::string(data_bytes, 'x');
}

std::string message_of(const std::string& file) {
  try {
    SafetensorsFile(std::as_bytes(std::span(file.data(), file.size())), "model.safetensors");
  } catch (const IoError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const testing::TemporaryFolder folder;
  const float values[] = {1.5f, -2.0f, 3.25f};
  const int32_t counts[] = {7};
  save_safetensors(folder / "a.safetensors",
                   {{"w", {DType::kFloat32, {3, 1}, std::as_bytes(std::span(values))}},
                    {"empty", {DType::kFloat32, {0, 4}, {}}},
                    {"n", {DType::kInt32, {}, std::as_bytes(std::span(counts))}}},
                   {{"format", "test"}});
  const SafetensorsFile file(folder / "a.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "test");
  const auto& w = file.at("w");
  EXPECT_EQ(w.shape, (std::vector<int64_t>{3, 1}));
  ASSERT_EQ(w.bytes.size(), sizeof(values));
  float back[3];
  std::memcpy(back, w.bytes.data(), sizeof(back));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(back[i], values[i]);
  EXPECT_TRUE(file.at("empty").bytes.empty());
  EXPECT_TRUE(file.at("n").shape.empty());
  EXPECT_THROW(file.at("x"), IoError);
}

struct Damage {
  const char* name;
  std::string file;
  const char* rule;
};

class DamagedSafetensors : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedSafetensors, IsRefusedWithTheRule) {
  const std::string message = message_of(GetParam().file);
  EXPECT_NE(message.find(GetParam().rule), std::string::npos) << message;
  EXPECT_NE(message.find("model.safetensors"), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedSafetensors,
    ::testing::Values(
        Damage{"empty", "", "has 0 bytes"}, Damage{"short", "abc", "has 3 bytes"},
        Damage{"length", std::string(8, '\xff'), "claims"},
        Damage{"json", file_with_header("{not json", 0), "not JSON"},
        Damage{"array", file_with_header("[]", 0), "not a JSON object"},
        Damage{"nested", file_with_header(R"({"a":[[[[[[1]]]]]]})", 0), "nested deeper"},
        Damage{"dtype",
               file_with_header(R"({"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}})", 4),
               "dtype"},
        Damage{"truncated",
               file_with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4),
               "lies at bytes [0, 8) of 4"},
        Damage{"size",
               file_with_header(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
               "its shape needs 12"},
        Damage{
            "overflow",
            file_with_header(
                R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0),
            "shape needs"},
        Damage{"negative",
               file_with_header(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}})", 0),
               "extent"},
        Damage{"gap",
               file_with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2),
               "gap or overlap"},
        Damage{"tail",
               file_with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3),
               "2 bytes follow"}),
    [](const auto& info) { return info.param.name; });

TEST(Safetensors, SurvivesRandomDamage) {
  const testing::TemporaryFolder folder;
  const float values[8] = {};
  save_safetensors(folder / "a.safetensors",
                   {{"w", {DType::kFloat32, {2, 4}, std::as_bytes(std::span(values))}}});
  const std::string good = read_text(folder / "a.safetensors");
  Random random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string bad =
        good.substr(0, random.below(8) == 0 ? random.below(good.size()) : good.size());
    for (int64_t flips = random.below(4) + 1; flips > 0 && !bad.empty(); --flips) {
      bad[random.below(bad.size())] = static_cast<char>(random.next());
    }
    message_of(bad);  // accepted or refused with IoError; anything else fails the test
  }
}

TEST(Safetensors, LeavesNothingBehindWhenAWriteIsRefused) {
  const testing::TemporaryFolder folder;
  EXPECT_THROW(save_safetensors(folder / "no" / "a.safetensors", {}), IoError);
  EXPECT_THROW(save_safetensors(folder / "a.safetensors", {{"w", {DType::kFloat32, {2}, {}}}}),
               InvalidArgument);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace tessera
