// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/grant.h"

namespace melon::agent {

/// A grant's limits in one line: memory and compute of each slice, its priority.
std::string slices_text(const core::Grant& grant);

/// How a grant that is over ended, in one line.
std::string end_text(const core::Grant& grant);

}  // namespace melon::agent
