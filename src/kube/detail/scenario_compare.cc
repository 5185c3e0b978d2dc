// SPDX-License-Identifier: Apache-2.0
// Compares an answer with what a scenario expects.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "kube/detail/scenario_parts.h"

namespace melon::kube::detail {
namespace {

using Json = nlohmann::json;

/// Collects differences of one answer.
class Comparison {
 public:
  Comparison(const Json& expected, const Answer& answer) : expected_(expected), answer_(answer) {}

  std::vector<std::string> run() {
    compare_place();
    compare_containers("devices", [](const PlacedDevice& device) { return Json(device.uuid); });
    compare_containers("memory_mib",
                       [](const PlacedDevice& device) { return Json(device.memory_mib); });
    compare_containers("compute", [](const PlacedDevice& device) { return Json(device.compute); });
    compare_annotations();
    compare_environment();
    compare_reasons();
    if (const std::string nearest = expected_.value("nearest", std::string());
        answer_.nearest.find(nearest) == std::string::npos)
      compare("nearest", nearest, answer_.nearest);
    if (expected_.contains("not_evaluated"))
      compare("not_evaluated", expected_["not_evaluated"], Json(answer_.not_evaluated));
    return std::move(differences_);
  }

 private:
  void compare(const std::string& what, const Json& expected, const Json& found) {
    if (expected != found)
      differences_.push_back(
          fmt::format("{}: expected {}, found {}", what, expected.dump(), found.dump()));
  }

  std::string why() const {
    std::vector<std::string> texts;
    if (!answer_.refusal.empty()) texts.push_back(answer_.refusal);
    for (const Reason& reason : answer_.reasons) texts.push_back(reason.text);
    return fmt::format("{}", fmt::join(texts, "; "));
  }

  void compare_place() {
    if (expected_.contains("placed") && expected_["placed"] != answer_.is_placed())
      differences_.push_back(answer_.is_placed()
                                 ? fmt::format("expected no place, found {}", answer_.node)
                                 : fmt::format("expected a place, found none: {}", why()));
    if (expected_.contains("node") && expected_["node"] != answer_.node)
      differences_.push_back(
          fmt::format("node: expected {}, found {}", expected_["node"].get<std::string>(),
                      answer_.is_placed() ? answer_.node : fmt::format("none: {}", why())));
    const Json one_of = expected_.value("one_of_nodes", Json::array());
    if (!one_of.empty() && std::ranges::find(one_of, Json(answer_.node)) == one_of.end())
      compare("one_of_nodes", one_of, answer_.node);
  }

  template <class Take>
  void compare_containers(const char* key, Take take) {
    const Json containers = expected_.value(key, Json::object());
    for (const auto& [name, expected] : containers.items()) {
      Json found = Json::array();
      for (const PlacedContainer& container : answer_.containers)
        if (container.name == name)
          for (const PlacedDevice& device : container.devices) found.push_back(take(device));
      compare(fmt::format("{} of {}", key, name), expected, found);
    }
  }

  void compare_annotations() {
    const Json annotations = expected_.value("annotations", Json::object());
    for (const auto& [key, expected] : annotations.items()) {
      const auto found = answer_.annotations.find(key);
      const std::string what = fmt::format("annotation {}", key);
      if (found == answer_.annotations.end()) {
        differences_.push_back(fmt::format("{}: expected {}, found none", what, expected.dump()));
      } else if (expected.is_string()) {
        compare(what, expected, found->second);
      } else {
        compare(what, expected, Json::parse(found->second, nullptr, false));
      }
    }
  }

  /// Exactly this: what must not be there is as much of a case as what must.
  void compare_environment() {
    const Json containers = expected_.value("environment", Json::object());
    for (const auto& [name, expected] : containers.items()) {
      const auto found = std::ranges::find(answer_.containers, name, &PlacedContainer::name);
      compare(fmt::format("environment of {}", name), expected,
              found == answer_.containers.end() ? Json() : Json(found->environment));
    }
  }

  void compare_reasons() {
    const std::string all = why();
    for (const Json& part : expected_.value("reasons", Json::array()))
      if (all.find(part.get<std::string>()) == std::string::npos)
        differences_.push_back(
            fmt::format("reasons: expected '{}', found '{}'", part.get<std::string>(), all));
  }

  const Json& expected_;
  const Answer& answer_;
  std::vector<std::string> differences_ = {};
};

}  // namespace

std::vector<std::string> differences(const Json& expected, const Answer& answer) {
  return Comparison(expected, answer).run();
}

}  // namespace melon::kube::detail
