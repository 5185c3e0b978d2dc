// SPDX-License-Identifier: Apache-2.0
// Serves the contract that this binary was built with.
#include "agent/contract.h"

#include <span>

#include "base/embedded.h"
#include "config/yaml_json.h"

namespace melon::embedded {
std::span<const File> contract_files();
}  // namespace melon::embedded

namespace melon::agent {

const std::string& contract_json() {
  static const std::string kJson =
      config::yaml_to_json(embedded::contract_files().front().content).value();
  return kJson;
}

}  // namespace melon::agent
