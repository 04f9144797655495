#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <eventbus/plugins.hpp>
#include <optional>

#include "plugin/plugin_loader.hpp"

namespace eventbus {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

// What the child answers: texts, each ended by NUL, which none of them holds. The first says of which kind.
std::string answer_of(const fs::path& file) {
  Texts texts;
  try {
    const auto plugin = host::Plugin::load(file);
    const host::PluginDescription& d = plugin->description();
    texts = {"loads",
             d.name,
             d.version,
             d.vendor,
             d.description,
             d.license,
             d.build_info,
             d.config_schema,
             std::to_string(d.abi_major),
             std::to_string(d.abi_minor)};
  } catch (const std::exception& error) {
    texts = {"refused", error.what()};
  }
  std::string answer;
  for (const std::string& text : texts) answer += text + '\0';
  return answer;
}

Texts texts_of(const std::string& answer) {
  Texts texts;
  for (std::size_t begin = 0, end; (end = answer.find('\0', begin)) != std::string::npos; begin = end + 1) {
    texts.push_back(answer.substr(begin, end - begin));
  }
  return texts;
}

[[noreturn]] void answer_and_end(const fs::path& file, int descriptor) {
  // A crash is the parent's to tell; its handlers are not for this process.
  for (int fatal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) ::signal(fatal, SIG_DFL);
  const std::string answer = answer_of(file);
  for (std::size_t sent = 0; sent < answer.size();) {
    const ssize_t size = ::write(descriptor, answer.data() + sent, answer.size() - sent);
    if (size < 0 && errno != EINTR) break;
    if (size > 0) sent += static_cast<std::size_t>(size);
  }
  ::_exit(0);
}

// nullopt: nothing more came in time.
std::optional<std::string> read_all(int descriptor, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::string answer;
  char part[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready == 0) return std::nullopt;
    const ssize_t size = ready < 0 ? -1 : ::read(descriptor, part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return answer;
    answer.append(part, static_cast<std::size_t>(size));
  }
}

std::string cause_of_silence(bool in_time, int status) {
  if (!in_time) return "loading it does not end";
  if (!WIFSIGNALED(status)) return "loading it ends the process";
  return "loading it crashes: signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
}

// The texts that a child process answers with; or one, "silent", and why it did not.
Texts ask_child(const fs::path& file) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {"silent", std::strerror(errno)};
  const pid_t child = ::fork();
  if (child == 0) answer_and_end(file, ends[1]);
  const int failed = errno;
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return {"silent", std::strerror(failed)};
  }
  const auto answer = read_all(ends[0], std::chrono::seconds(10));
  ::close(ends[0]);
  if (!answer) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  Texts texts = texts_of(answer.value_or(""));
  return texts.empty() ? Texts{"silent", cause_of_silence(answer.has_value(), status)} : texts;
}

}  // namespace

PluginInspection inspect_plugin(const fs::path& file) {
  PluginInspection found;
  found.path = file;
  try {
    found.path = host::checked_plugin_file(file);
  } catch (const Error& error) {
    found.refusal = error.what();
    return found;
  }
  const Texts texts = ask_child(found.path);
  if (texts[0] == "refused" && texts.size() == 2) {
    found.refusal = texts[1];
  } else if (texts[0] == "loads" && texts.size() == 10) {
    found.name = texts[1];
    found.version = texts[2];
    found.vendor = texts[3];
    found.description = texts[4];
    found.license = texts[5];
    found.build_info = texts[6];
    found.config_schema = texts[7];
    found.abi_major = std::stoi(texts[8]);
    found.abi_minor = std::stoi(texts[9]);
  } else {
    found.refusal = "plugin " + found.path.filename().string() + ": cannot load it: " + texts.back() +
                    "; this is a defect of the plugin, tell its author";
  }
  return found;
}

std::vector<fs::path> plugin_folders(const BusConfig& config) { return host::plugin_folders(config.plugin_dirs); }

std::vector<fs::path> find_plugins(const BusConfig& config) {
  std::vector<fs::path> files;
  for (const fs::path& folder : plugin_folders(config)) {
    std::error_code failed;
    std::vector<fs::path> here;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("libeventbus_") && name.ends_with(".so")) here.push_back(entry.path());
    }
    std::sort(here.begin(), here.end());
    for (const fs::path& file : here) {
      const auto same = [&](const fs::path& known) { return fs::equivalent(known, file, failed); };
      if (std::none_of(files.begin(), files.end(), same)) files.push_back(file);
    }
  }
  return files;
}

}  // namespace eventbus
