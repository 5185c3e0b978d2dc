// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "vendors/decision.h"

namespace melon::vendors {

/// A name that the templates of `fixed_annotations` and `environment` may use in braces.
struct TemplateVariable {
  std::string_view name;
  std::string_view text;  // what it stands for
};

/// All of them. Beside these there are, with pairs KEY=VARIABLE or KEY=false:
///   {json K=V ...}               an array with an object for each device
///   {json_by_container K=V ...}  an array of such arrays
///   {json_of_containers K=V ...} an object with an object for each container, by its first device
/// Objects leave out what is 0 or empty. "{{" is a brace.
std::span<const TemplateVariable> template_variables();

/// Errors: kInvalidArgument for an unknown name, an open brace or a pair without "=".
Result<> check_template(std::string_view text);

/// The backend's fixed annotations of a pod that this decision places. A key with {container} or
/// {container_index} stands for one key for each container that has devices. Errors: those of
/// check_template(); none for a backend that check() passed.
Result<std::map<std::string, std::string>> fixed_annotations_of(const Backend& backend,
                                                                const Decision& decision);

/// The environment of one container, by the mode of its devices. A name with {i} stands for one
/// variable for each device. Variables whose value would be empty are left out. Errors: as above.
Result<std::map<std::string, std::string>> environment_of(const Backend& backend,
                                                          const ContainerSlices& slices);

}  // namespace melon::vendors
