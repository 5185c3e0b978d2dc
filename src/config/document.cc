// SPDX-License-Identifier: Apache-2.0
// YAML as text with places. The only file that knows yaml-cpp and its exceptions.
#include "config/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

namespace melon::config {
namespace {

constexpr std::size_t kMostBytes = 1U << 20;
constexpr int kMostLevels = 16;
constexpr int kMostValues = 10'000;

/// Converts a tree of yaml-cpp's nodes, within bounds.
class Converter {
 public:
  explicit Converter(const std::string& file) : file_(file) {}

  Result<Document> convert(const YAML::Node& node, int level) {
    Document document;
    document.line = line_of(node);
    if (level > kMostLevels)
      return fail_at(file_, document.line, fmt::format("nested more than {} levels", kMostLevels),
                     "flatten the document");
    if (++values_ > kMostValues)
      return fail_at(file_, document.line, fmt::format("more than {} values", kMostValues),
                     "shorten the document; aliases count each time they are used");
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        document.kind = Document::Kind::kScalar;
        document.scalar = node.Scalar();
        return document;
      case YAML::NodeType::Sequence:
        document.kind = Document::Kind::kSequence;
        return fill_sequence(std::move(document), node, level);
      case YAML::NodeType::Map:
        document.kind = Document::Kind::kMapping;
        return fill_mapping(std::move(document), node, level);
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
    }
    return document;
  }

 private:
  /// The line, from 1; what an alias or an empty value stands on counts as the line before it.
  int line_of(const YAML::Node& node) {
    if (!node.Mark().is_null()) last_line_ = node.Mark().line + 1;
    return last_line_;
  }

  Result<Document> fill_sequence(Document document, const YAML::Node& node, int level) {
    for (const YAML::Node& item : node) {
      MELON_TRY(Document converted, convert(item, level + 1));
      document.items.push_back(std::move(converted));
    }
    return document;
  }

  Result<Document> fill_mapping(Document document, const YAML::Node& node, int level) {
    for (const auto& entry : node) {
      const int line = line_of(entry.first);
      if (!entry.first.IsScalar())
        return fail_at(file_, line, "a key is not a plain word", "write KEY: VALUE");
      MELON_TRY(Document converted, convert(entry.second, level + 1));
      converted.key = entry.first.Scalar();
      converted.line = line;
      if (document.find(converted.key) != nullptr)
        return fail_at(file_, line, fmt::format("key '{}' is given twice", converted.key),
                       "keep one of them");
      document.items.push_back(std::move(converted));
    }
    return document;
  }

  const std::string& file_;
  int last_line_ = 1;
  int values_ = 0;
};

/// Hears where documents begin, and nothing else.
class DocumentStarts : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { line_ = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  int line() const { return line_; }

 private:
  int line_ = 1;
};

/// The line after the first document where something more stands. The library's own loop over all
/// documents never ends on a text such as ",", which is read as an empty document for ever.
std::optional<int> line_of_second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  if (!parser.HandleNextDocument(starts)) return std::nullopt;
  if (!parser.HandleNextDocument(starts)) return std::nullopt;
  return starts.line();
}

}  // namespace

const Document* Document::find(std::string_view name) const {
  const auto found = std::ranges::find(items, name, &Document::key);
  return kind == Kind::kMapping && found != items.end() ? &*found : nullptr;
}

tl::unexpected<Error> fail_at(const std::string& file, int line, std::string_view message,
                              std::string remedy) {
  return fail(Code::kInvalidArgument, fmt::format("{}:{}: {}", file, line, message),
              std::move(remedy));
}

Result<Document> parse_yaml(const std::string& file, std::string_view text) {
  if (text.size() > kMostBytes)
    return fail_at(file, 1, "larger than 1 MiB", "a file of this kind has a few dozen lines");
  try {
    const std::string whole(text);
    if (const auto line = line_of_second_document(whole))
      return fail_at(file, *line, "something follows the first YAML document",
                     "write one document per file");
    return Converter(file).convert(YAML::Load(whole), 0);
  } catch (const YAML::Exception& error) {
    return fail_at(file, error.mark.is_null() ? 1 : error.mark.line + 1,
                   fmt::format("not YAML: {}", error.msg), "mend the syntax at that place");
  }
}

}  // namespace melon::config
