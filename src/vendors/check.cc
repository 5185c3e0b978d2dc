// SPDX-License-Identifier: Apache-2.0
// The rules that a set of descriptors keeps.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "vendors/descriptor.h"
#include "vendors/detail/check_report.h"
#include "vendors/variables.h"

namespace melon::vendors {
namespace {

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 32 && id.front() != '-' && id.back() != '-' &&
         std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool is_variable_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

/// Collects what is wrong with a set, descriptor by descriptor.
class Checker {
 public:
  explicit Checker(std::span<const Descriptor> descriptors) : descriptors_(descriptors) {}

  std::vector<Violation> run() {
    for (at_ = 0; at_ < descriptors_.size(); ++at_) {
      const Descriptor& descriptor = descriptors_[at_];
      check_identity(descriptor);
      check_recognition(descriptor);
      check_environment(descriptor);
      check_backends(descriptor);
    }
    return std::move(violations_);
  }

 private:
  void violate(std::string field, std::string message, std::string remedy) {
    violations_.push_back({at_, {std::move(field)}, std::move(message), std::move(remedy)});
  }

  void check_identity(const Descriptor& descriptor) {
    if (!is_id(descriptor.id))
      violate("id", fmt::format("id '{}' is not 1 to 32 of a-z, 0-9 and '-'", descriptor.id),
              "choose a short lower-case word such as nvidia");
    const auto first = std::ranges::find(descriptors_, descriptor.id, &Descriptor::id);
    if (first - descriptors_.begin() < std::ptrdiff_t(at_))
      violate("id", fmt::format("id '{}' is already that of {}", descriptor.id, first->source),
              "give each vendor an id of its own");
    if (descriptor.title.empty()) violate("title", "title is empty", "say what people call it");
  }

  void check_recognition(const Descriptor& descriptor) {
    const bool is_found_here = descriptor.discovery != Discovery::kNone;
    if (is_found_here && descriptor.libraries.empty())
      violate("libraries", "discovery has no library to load",
              "name at least one, such as libX.so.1");
    if (is_found_here && descriptor.kinds.empty())
      violate("kinds", "no kind of device is taken", "name at least one of cpu, gpu, accelerator");
    if (!is_found_here && descriptor.enforcement != core::Enforcement::kNone)
      violate("enforcement", "limits are enforced on devices that are never found",
              "write enforcement: none, or name a discovery");
    if (descriptor.enforcement == core::Enforcement::kShim && descriptor.process_libraries.empty())
      violate("process_libraries",
              "limits are enforced, but no process on the device could be recognised",
              "name the driver's libraries that such a process maps");
    for (const std::string& pattern : descriptor.process_libraries)
      if (pattern.find_first_not_of("*?") == std::string::npos ||
          pattern.find('/') != std::string::npos)
        violate("process_libraries",
                fmt::format("pattern '{}' is not part of one file name", pattern),
                "write a file name with * and ?, without folders");
    for (const std::string& pattern : descriptor.device_nodes)
      if (!pattern.starts_with("/dev/"))
        violate("device_nodes", fmt::format("'{}' is not below /dev", pattern),
                "write the whole path, with * and ?");
  }

  void check_environment(const Descriptor& descriptor) {
    for (const auto& [name, text] : descriptor.environment) {
      const auto violate = [this, key = name](const std::string&, std::string message,
                                              std::string remedy) {
        violations_.push_back({at_, {"environment", key}, std::move(message), std::move(remedy)});
      };
      const std::string field = name;
      if (!is_variable_name(name))
        violate(field, fmt::format("'{}' is no name of an environment variable", name),
                "use letters, digits and _");
      if (auto expanded = expand(text, {}); !expanded)
        violate(field, expanded.error().message, expanded.error().remedy);
    }
  }

  void check_backends(const Descriptor& descriptor) {
    const detail::Report report = [this](detail::Path path, std::string message,
                                         std::string remedy) {
      violations_.push_back({at_, std::move(path), std::move(message), std::move(remedy)});
    };
    for (std::size_t i = 0; i < descriptor.backends.size(); ++i) {
      const Backend& backend = descriptor.backends[i];
      const detail::Path at = {"backends", std::to_string(i)};
      detail::check_backend(backend, at, report);
      claim(detail::below(at, "word"), "word", backend.word);
      for (const auto& entry : Words<Resource>::kAll)
        if (const std::string& name = backend.resources.of(entry.first); !name.empty())
          claim(detail::below(detail::below(at, "resources"), std::string(entry.second)),
                "resource", name);
      for (std::size_t j = 0; j < backend.aliases.size(); ++j)
        claim({"backends", std::to_string(i), "aliases", std::to_string(j), "name"}, "resource",
              backend.aliases[j].name);
    }
  }

  /// One word or resource name means one thing over all vendors.
  void claim(detail::Path path, std::string_view what, const std::string& name) {
    const auto [owner, is_new] = claims_.emplace(name, at_);
    if (is_new) return;
    violations_.push_back({at_, std::move(path),
                           fmt::format("{} '{}' is already used by {}", what, name,
                                       descriptors_[owner->second].source),
                           fmt::format("give each {} one meaning over all vendors", what)});
  }

  std::span<const Descriptor> descriptors_;
  std::size_t at_ = 0;
  std::map<std::string, std::size_t> claims_;
  std::vector<Violation> violations_;
};

}  // namespace

namespace detail {

bool is_resource_name(std::string_view name) {
  const auto slash = name.find('/');
  const auto is_part = [](std::string_view part) {
    return !part.empty() && part.size() <= 63 && std::ranges::all_of(part, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.' || c == '_';
    });
  };
  return slash != std::string_view::npos && is_part(name.substr(0, slash)) &&
         is_part(name.substr(slash + 1));
}

}  // namespace detail

std::string Violation::field() const {
  std::string text;
  for (const std::string& step : path) text += (text.empty() ? "" : ".") + step;
  return text;
}

std::vector<Violation> check(std::span<const Descriptor> descriptors) {
  return Checker(descriptors).run();
}

}  // namespace melon::vendors
