#include <cmath>
#include <limits>

#include "tessera/cli/pages/compare_report.h"
#include "tessera/core/error.h"

namespace tessera::cli::pages {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSchema = "tessera.compare/1";

void check_counts(const TileCounts& tiles) {
  constexpr int kMost = 100'000;  // so that the product below cannot wrap round
  TESSERA_CHECK(tiles.steps >= 0 && tiles.steps <= kMost && tiles.layers >= 0 &&
                    tiles.layers <= kMost && tiles.streams.size() <= kMost,
                "[compare report] steps, layers and streams must lie in [0, ", kMost,
                "], got: ", tiles.steps, ", ", tiles.layers, ", ", tiles.streams.size());
  const size_t wanted = size_t(tiles.steps) * tiles.layers * tiles.streams.size();
  TESSERA_CHECK(tiles.kept.size() == wanted && tiles.total.size() == wanted,
                "[compare report] kept and total must have steps x layers x streams = ",
                tiles.steps, " x ", tiles.layers, " x ", tiles.streams.size(),
                " entries, got: ", tiles.kept.size(), " and ", tiles.total.size());
}

// JSON has no infinity; the PSNR of identical pictures is written as null.
Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double with_infinity(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

Json finite(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(finite(value));
  return out;
}

Json run_to_json(const RunReport& run) {
  return {{"total_seconds", run.total_seconds},
          {"step_seconds", run.step_seconds},
          {"film", {{"video", run.film.video}, {"frames", run.film.frames}}}};
}

RunReport run_from_json(const Json& json) {
  RunReport run;
  json.at("total_seconds").get_to(run.total_seconds);
  json.at("step_seconds").get_to(run.step_seconds);
  json.at("film").at("video").get_to(run.film.video);
  json.at("film").at("frames").get_to(run.film.frames);
  return run;
}

// The plain fields, listed once for both ways: visit(object, name, field).
template <typename Report, typename Visit>
void visit_fields(Report& r, const Visit& visit) {
  visit("request", "prompt", r.prompt);
  visit("request", "negative_prompt", r.negative_prompt);
  visit("request", "model", r.model);
  visit("request", "seed", r.seed);
  visit("request", "width", r.width);
  visit("request", "height", r.height);
  visit("request", "num_frames", r.num_frames);
  visit("request", "fps", r.fps);
  visit("request", "steps", r.steps);
  visit("request", "guidance", r.guidance);
  visit("attention", "tokens", r.tokens);
  visit("attention", "q_tile", r.q_tile);
  visit("attention", "kv_tile", r.kv_tile);
  visit("attention", "policy", r.policy);
  visit("attention", "direction", r.direction);
  visit("attention", "token_order", r.token_order);
  visit("machine", "backend", r.backend);
  visit("machine", "name", r.machine);
  visit("machine", "threads", r.threads);
  visit("machine", "torch", r.torch_version);
  visit("machine", "tessera", r.tessera_version);
  visit("tiles", "steps", r.tiles.steps);
  visit("tiles", "layers", r.tiles.layers);
  visit("tiles", "streams", r.tiles.streams);
  visit("tiles", "kept", r.tiles.kept);
  visit("tiles", "total", r.tiles.total);
  visit("quality", "ssim", r.ssim);
  visit("quality", "frame_ssim", r.frame_ssim);
}

CompareReport read(const Json& json) {
  CompareReport report;
  visit_fields(report, [&](const char* object, const char* name, auto& field) {
    json.at(object).at(name).get_to(field);
  });
  report.dense = run_from_json(json.at("dense"));
  report.lite = run_from_json(json.at("lite"));
  report.psnr = with_infinity(json.at("quality").at("psnr"));
  for (const Json& value : json.at("quality").at("frame_psnr")) {
    report.frame_psnr.push_back(with_infinity(value));
  }
  check_counts(report.tiles);
  return report;
}

}  // namespace

Json to_json(const CompareReport& report) {
  check_counts(report.tiles);
  Json json;
  json["schema"] = kSchema;
  visit_fields(report, [&](const char* object, const char* name, const auto& field) {
    json[object][name] = field;
  });
  json["dense"] = run_to_json(report.dense);
  json["lite"] = run_to_json(report.lite);
  json["quality"]["psnr"] = finite(report.psnr);
  json["quality"]["frame_psnr"] = finite(report.frame_psnr);
  json["speed_up"] = speed_up(report);
  json["skipped_share"] = skipped_share(report.tiles);
  json["verdict"] = verdict(report);
  return json;
}

CompareReport compare_report_from_json(const Json& json, std::string_view name) {
  const auto schema = json.is_object() ? json.find("schema") : json.end();
  if (!json.is_object() || schema == json.end() || *schema != kSchema) {
    throw IoError(concat(name, ": schema must be ", kSchema, ", got: ",
                         json.is_object() && schema != json.end() ? schema->dump() : "none"));
  }
  try {
    return read(json);
  } catch (const nlohmann::json::exception& error) {
    throw IoError(concat(name, ": is not a complete report: ", error.what()));
  } catch (const InvalidArgument& error) {
    throw IoError(concat(name, ": ", error.what()));
  }
}

}  // namespace tessera::cli::pages
