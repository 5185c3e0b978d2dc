// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vendors/backend.h"

namespace melon::vendors::detail {

using Path = std::vector<std::string>;
/// Receives each broken rule: where, what, and what to do about it.
using Report = std::function<void(Path path, std::string message, std::string remedy)>;

/// The rules that one backend keeps for itself; `at` is its place in the descriptor.
void check_backend(const Backend& backend, const Path& at, const Report& report);

/// A Kubernetes qualified name with a domain: "acme.com/card".
bool is_resource_name(std::string_view name);

inline Path below(Path path, std::string step) {
  path.push_back(std::move(step));
  return path;
}

}  // namespace melon::vendors::detail
