// The C interface's token orders against make_token_order, and what it refuses.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/attention/c/tessera_attention.h"
#include "tessera/attention/token_order.h"

namespace tessera::attention {
namespace {

class CTokenOrder : public ::testing::TestWithParam<int32_t> {};

TEST_P(CTokenOrder, IsTheCppOrderOverARaggedGrid) {
  tessera_token_order_spec c_spec = TESSERA_TOKEN_ORDER_SPEC_INIT;
  c_spec.kind = GetParam();
  c_spec.grid[0] = 5;
  c_spec.grid[1] = 9;
  c_spec.grid[2] = 13;
  const TokenOrderSpec spec{.kind = static_cast<TokenOrderKind>(GetParam()), .grid = {5, 9, 13}};
  const TokenOrder want = make_token_order(spec);
  std::vector<int32_t> raster_index(585), position(585), alone(585);
  ASSERT_EQ(tessera_token_order_make(&c_spec, raster_index.data(), position.data(), 585),
            TESSERA_OK)
      << tessera_last_error();
  EXPECT_EQ(raster_index, want.raster_index);
  EXPECT_EQ(position, want.position);
  ASSERT_EQ(tessera_token_order_make(&c_spec, nullptr, alone.data(), 585), TESSERA_OK);
  EXPECT_EQ(alone, want.position);
  int32_t id = 0, kind = -1;
  ASSERT_EQ(tessera_token_order_id(&c_spec, &id), TESSERA_OK);
  EXPECT_EQ(id, token_order_id(spec));
  EXPECT_EQ(tessera_token_order_name(GetParam()), token_order_name(spec.kind));
  ASSERT_EQ(tessera_token_order_kind(tessera_token_order_name(GetParam()), &kind), TESSERA_OK);
  EXPECT_EQ(kind, GetParam());
}

INSTANTIATE_TEST_SUITE_P(AllKinds, CTokenOrder,
                         ::testing::Values(TESSERA_RASTER_ORDER, TESSERA_HILBERT_ORDER,
                                           TESSERA_BOX_ORDER));

TEST(CTokenOrderDefaults, AreTheCppDefaults) {
  const tessera_token_order_spec c_spec = TESSERA_TOKEN_ORDER_SPEC_INIT;
  const TokenOrderSpec spec;
  EXPECT_EQ(c_spec.kind, static_cast<int32_t>(spec.kind));
  EXPECT_EQ(TokenExtents({c_spec.box[0], c_spec.box[1], c_spec.box[2]}), spec.box);
}

TEST(CTokenOrderRefusals, SayWhatIsWrong) {
  tessera_token_order_spec spec = TESSERA_TOKEN_ORDER_SPEC_INIT;
  std::vector<int32_t> position(8, -1);
  const auto refusal = [&](int64_t capacity) {
    EXPECT_EQ(tessera_token_order_make(&spec, nullptr, position.data(), capacity),
              TESSERA_INVALID_ARGUMENT);
    EXPECT_EQ(position, std::vector<int32_t>(8, -1));
    return std::string(tessera_last_error());
  };
  const std::string name = "[tessera_token_order_make] ";
  EXPECT_EQ(refusal(8), "[token order] every extent of the grid must be >= 1, got: 0x0x0");
  spec.grid[0] = spec.grid[1] = spec.grid[2] = 2;
  EXPECT_EQ(refusal(7), name + "capacity must be at least the grid's tokens (8), got: 7");
  spec.kind = 3;
  EXPECT_EQ(refusal(8), name + "spec->kind must be in [0, 3), got: 3");
  spec.struct_size = 8;
  EXPECT_EQ(refusal(8),
            name + "spec->struct_size must be " + std::to_string(sizeof(spec)) + ", got: 8");
}

TEST(CTokenOrderRefusals, NullPointersAndUnknownNames) {
  const tessera_token_order_spec spec = TESSERA_TOKEN_ORDER_SPEC_INIT;
  int32_t number = -1;
  EXPECT_EQ(tessera_token_order_make(nullptr, nullptr, nullptr, 0), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_token_order_id(&spec, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_token_order_id(nullptr, &number), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_token_order_kind(nullptr, &number), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_token_order_kind("spiral", &number), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(), "[token order] must be raster, hilbert or boxes, got: spiral");
  EXPECT_EQ(number, -1);
  EXPECT_EQ(tessera_token_order_name(3), nullptr);
  EXPECT_EQ(tessera_token_order_name(-1), nullptr);
}

}  // namespace
}  // namespace tessera::attention
