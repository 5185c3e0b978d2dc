// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

namespace melon::cli {

/// `melon vendors check FILE`
Command vendors_check_command();
/// `melon vendors admit LIMITS`
Command vendors_admit_command();

}  // namespace melon::cli
