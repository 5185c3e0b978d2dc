// SPDX-License-Identifier: Apache-2.0
// Reads the objects of a cluster from JSON and YAML; what breaks a rule is set aside, named.
#include "kube/read_objects.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <new>
#include <nlohmann/json.hpp>

#include "config/yaml_json.h"
#include "kube/detail/field.h"
#include "kube/detail/item_reader.h"
#include "kube/detail/object_fields.h"

namespace melon::kube {
namespace {

using Json = nlohmann::json;
using detail::Field;
using detail::Problem;

/// A cluster of 200 000 nodes, each of eight devices, printed with everything, is half of it.
constexpr std::size_t kMostBytes = std::size_t{1} << 30U;
constexpr std::string_view kSpace = " \t\r\n";

std::string text_member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// How messages call an object that may have no name.
std::string describe(const std::string& origin, const std::string& kind, const Json& object,
                     std::size_t number) {
  const auto metadata = object.find("metadata");
  const bool has = metadata != object.end() && metadata->is_object();
  const std::string name = has ? text_member(*metadata, "name") : "";
  const std::string space = has ? text_member(*metadata, "namespace") : "";
  if (name.empty()) return fmt::format("{}: {} number {}", origin, kind, number);
  return fmt::format("{}: {} {}{}{}", origin, kind, space, space.empty() ? "" : "/", name);
}

/// Takes the objects of one text.
class Taker {
 public:
  Taker(const std::string& origin, Objects& into) : file_(origin), origin_(origin), into_(into) {}

  /// What comes next is a document of its own, which begins on this line, or a list's members.
  void begin_document(int line) { line_ = line; }

  void take(const Json& object, const std::string& list_kind) {
    ++number_;
    const bool has_line = line_ > 0 && list_kind.empty();
    origin_ = has_line ? fmt::format("{}:{}", file_, line_) : file_;
    if (object.is_null()) return;  // an empty document
    if (!object.is_object())
      return set_aside("object", object, {"", "expected an object with a kind"});
    const std::string kind = kind_of(object, list_kind);
    if (kind.empty()) return set_aside("object", object, {"kind", "an object has a kind"});
    std::optional<Problem> problem;
    const Field root(object, problem);
    if (kind == "Node") return add(into_.nodes, detail::read_node(root), kind, object, problem);
    if (kind == "Pod") return add(into_.pods, detail::read_pod(root), kind, object, problem);
    if (kind == "ResourceQuota")
      return add(into_.quotas, detail::read_quota(root), kind, object, problem);
    if (kind == "PodDisruptionBudget")
      return add_budget(detail::read_budget(root), object, problem);
    if (kind == "PriorityClass")
      return add(into_.priority_classes, detail::read_priority_class(root), kind, object, problem);
    if (kind == "PodGroup")
      return add(into_.groups, detail::read_group(root), kind, object, problem);
    ++into_.ignored[kind];
  }

 private:
  static std::string kind_of(const Json& object, const std::string& list_kind) {
    std::string own = text_member(object, "kind");
    constexpr std::string_view kList = "List";
    if (!own.empty() || !list_kind.ends_with(kList)) return own;
    return list_kind.substr(0, list_kind.size() - kList.size());
  }

  template <class T>
  void add(std::vector<T>& list, T object, const std::string& kind, const Json& json,
           const std::optional<Problem>& problem) {
    if (problem) return set_aside(kind, json, *problem);
    object.metadata.origin = origin_;
    list.push_back(std::move(object));
  }

  /// Where it can be read whom a budget means, but not how many of them may end, none may.
  void add_budget(PodDisruptionBudget budget, const Json& json,
                  const std::optional<Problem>& found) {
    std::optional<Problem> problem = found;
    const bool is_of_amounts = problem && (problem->path == "spec.minAvailable" ||
                                           problem->path == "spec.maxUnavailable" ||
                                           problem->path == "status.disruptionsAllowed");
    if (is_of_amounts) {
      problem->rule += "; until then it allows none to end";
      set_aside("PodDisruptionBudget", json, *problem);
      budget.disruptions_allowed = 0;
      problem.reset();
    }
    add(into_.budgets, std::move(budget), "PodDisruptionBudget", json, problem);
  }

  void set_aside(const std::string& kind, const Json& object, const Problem& problem) {
    into_.set_aside.push_back(
        {.object = describe(origin_, kind, object, number_),
         .problem =
             fmt::format("{}{}{}", problem.path, problem.path.empty() ? "" : ": ", problem.rule),
         .remedy = "correct it, or print the objects again with kubectl get -o json"});
  }

  const std::string& file_;
  std::string origin_;  // the file, with the object's line where it is known
  Objects& into_;
  std::size_t number_ = 0;
  int line_ = 0;
};

/// Whether a text is JSON, and not YAML that opens with a brace: an object's first key is quoted.
bool is_json(std::string_view text) {
  const std::size_t at = text.find_first_not_of(kSpace);
  if (at == std::string_view::npos || text[at] != '{') return false;
  const std::size_t key = text.find_first_not_of(kSpace, at + 1);
  return key != std::string_view::npos && (text[key] == '"' || text[key] == '}');
}

tl::unexpected<Error> cannot_read(const std::string& path, int reason) {
  return fail(reason == ENOENT ? Code::kNotFound : Code::kPermissionDenied,
              fmt::format("cannot read '{}': {}", path, std::strerror(reason)),
              "check the path and its permissions");
}

Result<std::string> read_stream(const std::string& path, std::istream& stream) {
  std::string text;
  constexpr std::size_t kPiece = 1U << 20U;
  while (stream) {
    const std::size_t had = text.size();
    if (had > kMostBytes)
      return fail(Code::kInvalidArgument, fmt::format("'{}' is larger than 1 GiB", path),
                  "leave out what is no node and no pod, or give it as several files");
    text.resize(had + kPiece);
    stream.read(text.data() + had, kPiece);
    text.resize(had + static_cast<std::size_t>(stream.gcount()));
    if (const std::size_t zero = text.find('\0', had); zero != std::string::npos)
      return fail(Code::kInvalidArgument,
                  fmt::format("'{}' is no text: its byte {} is 0", path, zero + 1),
                  "name a file of YAML or JSON, as kubectl get -o yaml prints it");
  }
  if (stream.bad()) return cannot_read(path, EIO);
  return text;
}

Result<std::string> read_within_memory(const std::string& path, std::istream& stream) {
  try {
    return read_stream(path, stream);
  } catch (const std::bad_alloc&) {
    return fail(Code::kResourceExhausted,
                fmt::format("'{}' is larger than the memory that may be used", path),
                "leave out what is no node and no pod, or raise the limit of memory");
  }
}

}  // namespace

std::string full_name(const Metadata& metadata) {
  return metadata.namespace_name.empty()
             ? metadata.name
             : fmt::format("{}/{}", metadata.namespace_name, metadata.name);
}

Result<> read_objects(const std::string& origin, std::string_view text, Objects& into) {
  Taker taker(origin, into);
  const auto take = [&taker](const Json& object, const std::string& list_kind) {
    taker.take(object, list_kind);
  };
  if (is_json(text)) return detail::read_items(origin, text, take);
  auto read = config::yaml_documents_to_json(text, [&](const std::string& json, int line) {
    taker.begin_document(line);
    return detail::read_items(origin, json, take);
  });
  if (read) return read;
  Error error = std::move(read).error();
  if (!error.message.starts_with(origin))
    error.message = fmt::format("{}: {}", origin, error.message);
  return tl::unexpected<Error>(std::move(error));
}

Result<std::string> read_text(const std::string& path) {
  if (path == "-") return read_within_memory("standard input", std::cin);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return cannot_read(path, errno);
  if (file.peek() == std::ifstream::traits_type::eof() && !file.eof())
    return cannot_read(path, EISDIR);
  return read_within_memory(path, file);
}

Result<> read_objects_file(const std::string& path, Objects& into) {
  MELON_TRY(const std::string text, read_text(path));
  return read_objects(path == "-" ? "standard input" : path, text, into);
}

}  // namespace melon::kube
