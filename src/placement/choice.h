// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "placement/machine.h"

namespace melon::placement {

/// Why a grant is where it is, in a sentence with figures: what it leaves free there, what it would
/// leave elsewhere, what is against the others, and which policy decides. The machine is as it is
/// now, but for what the grant itself holds: where something else would be chosen now, it says so.
std::string explain_choice(const Machine& machine, const core::Grant& grant);

}  // namespace melon::placement
