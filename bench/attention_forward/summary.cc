#include "bench/attention_forward/summary.h"

#include <cstdio>
#include <string>
#include <vector>

namespace tessera::bench {
namespace {

using Rows = std::vector<nlohmann::json>;

void print_shape(const Rows& rows) {
  const auto& torch = rows[0];
  const auto& ours = rows[1];
  const auto peak_share = [&](const nlohmann::json& row) {
    const double peak = row["peak_gflops"];
    return peak > 0 ? 100 * row["gflops"].get<double>() / peak : 0.0;
  };
  std::printf("| %s | %d | %d | %.1f | %.1f | %.2f | %.0f %% | %.0f %% |",
              torch["dtype"].get<std::string>().c_str(), torch["head_dim"].get<int>(),
              torch["tokens"].get<int>(), torch["milliseconds"].get<double>(),
              ours["milliseconds"].get<double>(), ours["speed"].get<double>(), peak_share(torch),
              peak_share(ours));
  for (size_t i = 2; i < rows.size(); ++i) {
    const double cost = rows[i]["cost"];
    if (rows[i]["skipped"].get<double>() == 0) {
      std::printf(" %+.1f %% |", 100 * (cost - 1));
    } else {
      std::printf(" %.2f |", cost);
    }
  }
  std::printf("\n");
}

void print_header(const Rows& rows) {
  std::string names = "| type | D | tokens | torch ms | ours ms | speed | torch | ours |";
  std::string rule = "|---|---|---|---|---|---|---|---|";
  for (size_t i = 2; i < rows.size(); ++i) {
    names.append(" ").append(rows[i]["candidate"].get<std::string>()).append(" |");
    rule += "---|";
  }
  std::printf("\n%s\n%s\n", names.c_str(), rule.c_str());
}

}  // namespace

void print_summary(const nlohmann::json& rows) {
  std::vector<Rows> shapes;
  for (const auto& row : rows) {
    if (row["candidate"] == "torch") shapes.emplace_back();
    shapes.back().push_back(row);
  }
  if (shapes.empty()) return;
  print_header(shapes[0]);
  for (const Rows& shape : shapes) print_shape(shape);
}

}  // namespace tessera::bench
