// The file of a calibration: small, readable JSON.
#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tessera/attention/calibration.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::attention {
namespace {

constexpr const char* kSchema = "tessera.calibration/1";
constexpr int64_t kMostLayers = 1000, kMostHeads = 1000;
constexpr float kMostFactor = 1e4f;

const char* name_of(MassEstimate estimate) {
  return estimate == MassEstimate::kRowMean ? "row_mean" : "row_maximum";
}

/// Three digits say all that a calibration knows.
double rounded(double value) {
  if (value == 0) return 0;
  const double unit = std::pow(10.0, 2 - std::floor(std::log10(std::abs(value))));
  return std::round(value * unit) / unit;
}

}  // namespace

void Calibration::save(const std::filesystem::path& path) const {
  auto table = nlohmann::json::array();
  for (int64_t row = 0; row < kKnots * layers; ++row) {
    auto line = nlohmann::json::array();
    for (int64_t h = 0; h < heads; ++h) line.push_back(rounded(factors[row * heads + h]));
    table.push_back(std::move(line));
  }
  const nlohmann::json json = {{"schema", kSchema},
                               {"model", key.model},
                               {"q_tile", key.q_tile},
                               {"kv_tile", key.kv_tile},
                               {"token_order", key.token_order},
                               {"estimate", name_of(key.estimate)},
                               {"layers", layers},
                               {"heads", heads},
                               {"knots", kKnots},
                               {"budget", budget},
                               {"expected_sparsity", rounded(expected_sparsity)},
                               {"factors", std::move(table)}};
  write_file(path, json.dump() + "\n");
}

Calibration Calibration::load(const std::filesystem::path& path) {
  const auto refuse = [&](const auto&... parts) {
    throw IoError(concat(path.string(), ": ", parts...));
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse("cannot be opened");
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  Calibration loaded;
  try {
    if (json.is_discarded() || !json.is_object() || json.value("schema", "") != kSchema) {
      refuse("not a calibration (its `schema` must be ", kSchema, ")");
    }
    loaded.key.model = json.at("model").get<std::string>();
    loaded.key.q_tile = json.at("q_tile");
    loaded.key.kv_tile = json.at("kv_tile");
    loaded.key.token_order = json.at("token_order").get<std::string>();
    const std::string estimate = json.at("estimate");
    if (estimate != "row_maximum" && estimate != "row_mean") {
      refuse("`estimate` must be row_maximum or row_mean, got: ", estimate);
    }
    if (estimate == "row_mean") loaded.key.estimate = MassEstimate::kRowMean;
    loaded.layers = json.at("layers");
    loaded.heads = json.at("heads");
    if (json.at("knots").get<int64_t>() != kKnots || loaded.layers < 1 ||
        loaded.layers > kMostLayers || loaded.heads < 1 || loaded.heads > kMostHeads) {
      refuse("`knots` must be ", kKnots, ", `layers` and `heads` in [1, ", kMostLayers, "]");
    }
    loaded.budget = json.at("budget");
    loaded.expected_sparsity = json.at("expected_sparsity");
    if (!(0 <= loaded.budget && loaded.budget < 0.5)) {
      refuse("`budget` must be in [0, 0.5), got: ", loaded.budget);
    }
    const auto& table = json.at("factors");
    const auto rows = static_cast<size_t>(kKnots * loaded.layers);
    if (!table.is_array() || table.size() != rows) {
      refuse("`factors` must have knots x layers = ", rows, " rows");
    }
    for (const auto& line : table) {
      if (!line.is_array() || static_cast<int64_t>(line.size()) != loaded.heads) {
        refuse("a row of `factors` must have ", loaded.heads, " numbers");
      }
      for (const auto& factor : line) {
        loaded.factors.push_back(factor.get<float>());
        const float last = loaded.factors.back();
        if (!(0 <= last && last <= kMostFactor)) {
          refuse("`factors` must be in [0, ", kMostFactor, "], got: ", last);
        }
      }
    }
  } catch (const nlohmann::json::exception& broken) {
    refuse("a field is missing or of the wrong type (", broken.what(), ")");
  }
  return loaded;
}

}  // namespace tessera::attention
