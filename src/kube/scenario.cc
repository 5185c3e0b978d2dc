// SPDX-License-Identifier: Apache-2.0
// Plays scenarios: a cluster, what comes to it, and what must become of it.
#include "kube/scenario.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/embedded.h"
#include "config/yaml_json.h"
#include "kube/detail/scenario_parts.h"
#include "kube/detail/schema.h"
#include "kube/read_objects.h"
#include "kube/what_if.h"

namespace melon::embedded {
std::span<const File> scenario_schema_file();
}  // namespace melon::embedded

namespace melon::kube {
namespace {

using Json = nlohmann::json;

/// When it is in a scenario: the same for ever, so that annotations that tell it can be compared.
constexpr std::int64_t kUnixSeconds = 1'767'225'600;  // 2026-01-01T00:00:00Z

tl::unexpected<Error> no_scenario(const std::string& origin, const std::string& problem) {
  return fail(Code::kInvalidArgument, fmt::format("{}: {}", origin, problem),
              "docs/reference/scenarios.md says what a scenario has");
}

Result<Json> read_scenario(const std::string& origin, std::string_view yaml) {
  auto json = config::yaml_to_json(yaml);
  if (!json) return no_scenario(origin, json.error().message);
  Json scenario = Json::parse(*json, nullptr, false);
  const auto violation = detail::find_violation(Json::parse(scenario_schema()), scenario);
  if (violation)
    return no_scenario(origin, fmt::format("{}{}{}", violation->path,
                                           violation->path.empty() ? "" : ": ", violation->rule));
  return scenario;
}

Result<WhatIf> open_cluster(const std::string& origin, const Json& scenario,
                            std::span<const vendors::Descriptor> descriptors,
                            std::vector<SetAside>& set_aside) {
  MELON_TRY(const auto compat, vendors::parse_word<vendors::Compatibility>(
                                   scenario.value("compat", std::string("none"))));
  const Objects cluster = detail::cluster_of(origin, scenario);
  MELON_TRY(WhatIf what_if, WhatIf::make(cluster, descriptors,
                                         {.policy = scenario.value("policy", std::string()),
                                          .compat = compat,
                                          .unix_seconds = kUnixSeconds}));
  set_aside = cluster.set_aside;
  set_aside.insert(set_aside.end(), what_if.set_aside().begin(), what_if.set_aside().end());
  return what_if;
}

/// Plays the pods of one scenario.
class Play {
 public:
  Play(const std::string& origin, WhatIf what_if, ScenarioResult& result)
      : origin_(origin), what_if_(std::move(what_if)), result_(result) {}

  void run(const Json& scenario) {
    if (scenario.contains("defragmentation")) defragment(scenario["defragmentation"]);
    for (const Json& one : scenario["pods"]) read(one);
    for (const std::vector<std::size_t>& together : placing_order(pods_)) come(together);
  }

 private:
  void defragment(const Json& expected) {
    constexpr std::size_t kMost = 10;
    const auto asked = what_if_.defragment(expected.value("most", kMost));
    if (!asked) return result_.failures.push_back("defragmentation: " + asked.error().message);
    const MoveAdvice& advice = *asked;
    Json found = {{"free_before", advice.free_before}, {"free_after", advice.free_after}};
    found["moves"] = found["kept"] = Json::array();
    for (const PodMove& move : advice.moves) found["moves"].push_back(to_text(move));
    for (const Reason& reason : advice.kept)
      found["kept"].push_back(fmt::format("{} {}", reason.nodes, reason.text));
    for (const auto& [key, value] : found.items())
      if (expected.contains(key) && expected[key] != value)
        result_.failures.push_back(fmt::format("defragmentation: {}: expected {}, found {}", key,
                                               expected[key].dump(), value.dump()));
  }

  void read(const Json& asked) {
    const int times = asked.value("times", 1);
    for (int i = 1; i <= times; ++i) {
      Json pod = asked["pod"];
      if (asked.contains("times"))
        pod["name"] = fmt::format("{}-{}", pod["name"].get<std::string>(), i);
      read_one(pod, asked["expect"]);
    }
  }

  void read_one(const Json& short_pod, const Json& expected) {
    ++result_.pods;
    const Objects read = detail::pod_of(origin_, short_pod);
    if (read.pods.empty())
      return fail_with(short_pod["name"].get<std::string>(), read.set_aside.front().problem);
    pods_.push_back(read.pods.front());
    expected_.push_back(&expected);
  }

  void come(const std::vector<std::size_t>& together) {
    std::vector<Pod> pods;
    for (const std::size_t i : together) {
      ask_before(pods_[i], *expected_[i]);
      pods.push_back(pods_[i]);
    }
    const bool is_gang = !pods.front().gang.empty();
    const std::vector<Answer> answers =
        is_gang ? what_if_.place_together(pods) : std::vector{what_if_.place(pods.front())};
    for (std::size_t i = 0; i < together.size(); ++i)
      for (const std::string& difference : detail::differences(*expected_[together[i]], answers[i]))
        fail_with(pods[i].metadata.name, difference);
  }

  /// What is expected of a pod while it is not there yet.
  void ask_before(const Pod& pod, const Json& expected) {
    if (expected.contains("capacity"))
      compare(pod, "capacity", expected["capacity"], what_if_.capacity(pod).fit);
    if (expected.contains("preemption")) compare_victims(pod, expected["preemption"]);
    if (expected.contains("gang"))
      compare(pod, "gang", expected["gang"]["fit"],
              what_if_.gang(pod, expected["gang"]["of"].get<std::int64_t>()).fit);
  }

  void compare_victims(const Pod& pod, const Json& expected) {
    const auto answer = what_if_.ask_preempting(pod);
    if (!answer) return fail_with(pod.metadata.name, answer.error().message);
    const auto& victims = answer->preemption;
    compare(pod, "preemption", expected, victims ? Json(victims->pods) : Json::array());
  }

  void compare(const Pod& pod, std::string_view what, const Json& expected, const Json& found) {
    if (expected != found)
      fail_with(pod.metadata.name,
                fmt::format("{}: expected {}, found {}", what, expected.dump(), found.dump()));
  }

  void fail_with(const std::string& pod, const std::string& what) {
    result_.failures.push_back(fmt::format("pod {}: {}", pod, what));
  }

  const std::string& origin_;
  WhatIf what_if_;
  ScenarioResult& result_;
  std::vector<Pod> pods_ = {};  // that come, and what is expected of each
  std::vector<const Json*> expected_ = {};
};

void compare_set_aside(const Json& scenario, const std::vector<SetAside>& found,
                       ScenarioResult& result) {
  const Json expected = scenario.value("set_aside", Json::array());
  for (std::size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
    const std::string part = i < expected.size() ? expected[i].get<std::string>() : "none";
    const std::string text =
        i < found.size() ? fmt::format("{}: {}", found[i].object, found[i].problem) : "none";
    if (i >= expected.size() || text.find(part) == std::string::npos)
      result.failures.push_back(fmt::format("set aside: expected '{}', found '{}'", part, text));
  }
}

}  // namespace

std::string scenario_schema() {
  return std::string(embedded::scenario_schema_file().front().content);
}

Result<ScenarioResult> play_scenario(const std::string& origin, std::string_view yaml,
                                     std::span<const vendors::Descriptor> descriptors) {
  MELON_TRY(const Json scenario, read_scenario(origin, yaml));
  ScenarioResult result{.name = scenario["name"].get<std::string>()};
  std::vector<SetAside> set_aside;
  MELON_TRY(WhatIf what_if, open_cluster(origin, scenario, descriptors, set_aside));
  compare_set_aside(scenario, set_aside, result);
  Play play(origin, std::move(what_if), result);
  play.run(scenario);
  return result;
}

Result<ScenarioResult> play_scenario_file(const std::string& path,
                                          std::span<const vendors::Descriptor> descriptors) {
  MELON_TRY(const std::string text, read_text(path));
  return play_scenario(path, text, descriptors);
}

}  // namespace melon::kube
