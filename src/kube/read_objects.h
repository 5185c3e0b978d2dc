// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/objects.h"

namespace melon::kube {

/// Adds what a text says: one object, several YAML documents, or Lists of objects, as JSON or YAML,
/// as `kubectl get -o json|yaml` and `kubectl get --raw` print them. `origin` names the text in
/// messages. Objects that break a rule of their own are set aside with the field and the rule;
/// kinds that do not matter are counted. Of a name that comes twice the last one counts.
///
/// Takes time in proportion to the text. A List is read item by item, so that beside the text only
/// what matters of each object is held.
/// Errors: kInvalidArgument, "ORIGIN:LINE: ..." or "ORIGIN: ...", when the text as a whole is not
/// readable: no JSON or YAML, nested more than 64 deep, aliases that grow the text out of bounds.
Result<> read_objects(const std::string& origin, std::string_view text, Objects& into);

/// As above, of a file; "-" is standard input. Errors: kNotFound or kPermissionDenied when it can
/// not be read, kInvalidArgument when it is larger than 4 GiB.
Result<> read_objects_file(const std::string& path, Objects& into);

/// The content of a file; "-" is standard input. Errors: as above.
Result<std::string> read_text(const std::string& path);

}  // namespace melon::kube
