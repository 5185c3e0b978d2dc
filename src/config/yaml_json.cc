// SPDX-License-Identifier: Apache-2.0
// Turns YAML documents into JSON, event by event, so that large ones are never held as a tree.
#include "config/yaml_json.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <streambuf>
#include <vector>

namespace melon::config {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostLevels = 64;
constexpr std::size_t kMostGrowth = 16;
constexpr std::size_t kAlwaysAllowed = 1U << 20;

/// A rule of ours that the text breaks; ends in this file, as what yaml-cpp throws does.
struct Refusal : std::runtime_error {
  Refusal(const YAML::Mark& mark, const std::string& rule)
      : std::runtime_error(fmt::format("line {}: {}", mark.line + 1, rule)) {}
};

template <class Number>
bool reads_as(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string plain_scalar(const std::string& text) {
  if (text.empty() || text == "null" || text == "~") return "null";
  if (text == "true" || text == "false") return text;
  if (std::int64_t whole = 0; reads_as(text, whole)) return std::to_string(whole);
  if (double fraction = 0; reads_as(text, fraction) && std::isfinite(fraction))
    return Json(fraction).dump();
  return quoted(text);
}

/// Writes the JSON of one document as its events come.
class Writer : public YAML::EventHandler {
 public:
  explicit Writer(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // Before some characters yaml-cpp begins one empty document after another, for ever.
    if (mark.pos == began_at_) throw Refusal(mark, "no document can begin with what stands here");
    began_at_ = mark.pos;
    json_.clear();
    open_.clear();
    anchored_.clear();
    line_ = mark.line + 1;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar(mark, anchor, "null", "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) throw Refusal(mark, "an alias within what it stands for");
    const bool is_key = expects_key();
    const bool is_text = found->second.starts_with('"');
    if (is_key && !is_text) throw Refusal(mark, "a key is not a plain word");
    begin_value(mark);
    json_ += found->second;
    end_value(mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool is_plain = tag.empty() || tag == "?";
    scalar(mark, anchor, is_plain ? plain_scalar(value) : quoted(value), value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, '[');
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, '{');
  }
  void OnSequenceEnd() override { close(']'); }
  void OnMapEnd() override { close('}'); }

  std::string take() { return std::move(json_); }
  int line() const { return line_; }

 private:
  struct Level {
    bool is_map = false;
    std::size_t values = 0;  // keys count too
    std::size_t begin = 0;
    YAML::anchor_t anchor = YAML::NullAnchor;
    YAML::Mark mark = {};
  };

  bool expects_key() const {
    return !open_.empty() && open_.back().is_map && open_.back().values % 2 == 0;
  }

  void begin_value(const YAML::Mark& mark) {
    if (open_.empty()) line_ = mark.line + 1;  // the document's mark is that of its dashes
    if (open_.empty() || open_.back().values == 0) return;
    json_ += open_.back().is_map && open_.back().values % 2 == 1 ? ':' : ',';
  }

  void end_value(const YAML::Mark& mark) {
    if (!open_.empty()) ++open_.back().values;
    if (json_.size() > most_bytes_)
      throw Refusal(mark,
                    fmt::format("aliases make the text more than {} times as long", kMostGrowth));
  }

  void scalar(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& json,
              const std::string& text) {
    const bool is_key = expects_key();
    begin_value(mark);
    const std::string written = is_key ? quoted(text) : json;
    json_ += written;
    if (anchor != YAML::NullAnchor) anchored_[anchor] = written;
    end_value(mark);
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, char bracket) {
    if (expects_key()) throw Refusal(mark, "a key is not a plain word");
    if (open_.size() >= kMostLevels)
      throw Refusal(mark, fmt::format("nested more than {} levels", kMostLevels));
    begin_value(mark);
    open_.push_back({.is_map = bracket == '{',
                     .values = 0,
                     .begin = json_.size(),
                     .anchor = anchor,
                     .mark = mark});
    json_ += bracket;
  }

  void close(char bracket) {
    const Level closed = open_.back();
    open_.pop_back();
    json_ += bracket;
    if (closed.anchor != YAML::NullAnchor) anchored_[closed.anchor] = json_.substr(closed.begin);
    end_value(closed.mark);
  }

  std::size_t most_bytes_;
  std::string json_ = {};
  std::vector<Level> open_ = {};
  std::map<YAML::anchor_t, std::string> anchored_ = {};
  int line_ = 1;
  int began_at_ = -1;  // the document; counted in bytes
};

/// A text as a stream, without a copy.
class Reading : public std::streambuf {
 public:
  explicit Reading(std::string_view text) {
    char* const begin = const_cast<char*>(text.data());  // only read from
    setg(begin, begin, begin + text.size());
  }
};

tl::unexpected<Error> not_yaml(const std::string& why) {
  return fail(Code::kInvalidArgument, "not YAML: " + why, "check the line that the message names");
}

Result<> convert_documents(std::string_view yaml, const TakeJson& take) {
  Reading reading(yaml);
  std::istream stream(&reading);
  YAML::Parser parser(stream);
  Writer writer(kMostGrowth * yaml.size() + kAlwaysAllowed);
  while (parser.HandleNextDocument(writer))
    MELON_RETURN_IF_ERROR(take(writer.take(), writer.line()));
  return {};
}

}  // namespace

Result<> yaml_documents_to_json(std::string_view yaml, const TakeJson& take) {
  try {
    return convert_documents(yaml, take);
  } catch (const YAML::Exception& error) {
    return not_yaml(fmt::format("line {}: {}", error.mark.line + 1, error.msg));
  } catch (const Refusal& error) {
    return not_yaml(error.what());
  }
}

Result<std::string> yaml_to_json(std::string_view yaml) {
  std::string found = "null";
  int documents = 0;
  MELON_RETURN_IF_ERROR(yaml_documents_to_json(yaml, [&](std::string json, int line) -> Result<> {
    if (++documents > 1) return not_yaml(fmt::format("line {}: a second document", line));
    found = std::move(json);
    return {};
  }));
  return found;
}

}  // namespace melon::config
