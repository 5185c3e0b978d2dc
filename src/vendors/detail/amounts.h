// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "vendors/admission.h"

namespace melon::vendors::detail {

/// One number of a container's resource list.
struct Amount {
  std::int64_t value = 0;  // in the resource's unit, memory in MiB
  std::string name = {};   // as the pod wrote it
};

/// What a container asks of one backend, before any rule.
struct Amounts {
  std::optional<Amount> count = {};
  std::optional<Amount> memory = {};
  std::optional<Amount> percentage = {};
  std::optional<Amount> compute = {};
  std::optional<Amount> priority = {};

  bool any() const { return count || memory || percentage || compute; }
};

/// What a rule needs to know beside the amounts.
struct Circumstances {
  const Backend& backend;
  BackendId id;
  Compatibility mode;
  bool admitting;  // fill in what only admission adds
};

/// Reads a container's limits, else its requests, under current and historic names. Errors:
/// kInvalidArgument for what is no amount of that resource, and for two names that disagree.
Result<Amounts> read_amounts(const ContainerSpec& container, const Circumstances& at,
                             const Catalogue& catalogue);

/// Applies the backend's rules: the amounts become those to be written into the pod, the result
/// what is asked for. Nothing when no device is. `demand` brings what annotations say. Errors:
/// kInvalidArgument naming resource, rule and remedy.
Result<std::optional<Demand>> resolve(const Circumstances& at, Amounts& amounts, Demand demand);

/// Rounds the memory of a demand that has some; sets template and costs. `amounts.memory` follows.
Result<> round_memory(const Circumstances& at, Amounts& amounts, Demand& demand);

tl::unexpected<Error> refuse(const Amount& amount, std::string_view rule, std::string remedy);

}  // namespace melon::vendors::detail
