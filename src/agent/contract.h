// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace melon::agent {

/// api/openapi.yaml as JSON, as it was when this binary was built.
const std::string& contract_json();

}  // namespace melon::agent
