// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/descriptors.h"
#include "vendors/admission.h"

namespace melon::config {

/// The built-in descriptors, compiled once.
inline const vendors::Catalogue& built_in() {
  static const vendors::Catalogue kCatalogue(load_descriptors("").value());
  return kCatalogue;
}

/// "a=1 b=2" as a map.
inline std::map<std::string, std::string> pairs(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (const auto equal = word.find('='); equal != std::string_view::npos)
      out[std::string(word.substr(0, equal))] = word.substr(equal + 1);
  }
  return out;
}

/// A pod of containers "c0", "c1", ... with these limits.
inline vendors::PodSpec pod_of(std::initializer_list<std::string_view> limits,
                               std::string_view annotations = {}) {
  vendors::PodSpec pod{.annotations = pairs(annotations)};
  for (const std::string_view list : limits)
    pod.containers.push_back(
        {.name = fmt::format("c{}", pod.containers.size()), .limits = pairs(list)});
  return pod;
}

/// "NVIDIA 1 x 3000 MiB 30", "MLU 1 x 100 % 100", with "vir.." for a template.
inline std::string describe(const vendors::Demand& demand) {
  std::string text =
      fmt::format("{} {} x {} {} {}", built_in().backend(demand.backend).word, demand.count,
                  demand.memory.count() != 0 ? demand.memory.count() : demand.memory_percent,
                  demand.memory.count() != 0 ? "MiB" : "%", demand.compute);
  if (!demand.template_name.empty()) text += " " + demand.template_name;
  for (const auto& cost : demand.costs) text += fmt::format(" {}={}", cost.first, cost.second);
  if (demand.by_profile) text += fmt::format(" profile {}", demand.profile_slices);
  if (demand.soft) text += " soft";
  if (demand.qos != vendors::Qos::kNone) text += fmt::format(" {}", vendors::word_of(demand.qos));
  if (demand.app_class != vendors::AppClass::kNone)
    text += fmt::format(" {}", vendors::word_of(demand.app_class));
  return text;
}

/// The demands of all containers, "; " between containers, or the refusal.
inline std::string describe(const Result<vendors::Demands>& demands) {
  if (!demands) return "refused: " + demands.error().message;
  std::string text;
  for (std::size_t i = 0; i < demands->size(); ++i) {
    text += i == 0 ? "" : "; ";
    for (std::size_t j = 0; j < (*demands)[i].size(); ++j)
      text += (j == 0 ? "" : ", ") + describe((*demands)[i][j]);
  }
  return text;
}

inline std::string words_of(const std::map<std::string, std::string>& map) {
  std::string text;
  for (const auto& entry : map)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", entry.first, entry.second);
  return text;
}

}  // namespace melon::config
