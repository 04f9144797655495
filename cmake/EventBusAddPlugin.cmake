# A backend plugin, libeventbus_<NAME>.so with `-` as `_`, that exports its one symbol:
#
#   eventbus_add_plugin(NAME SOURCES file...
#                       [NO_INSTALL]                # else into lib/eventbus/plugins, in the component plugin_<NAME>
#                       [NO_CONFORMANCE]            # else a test runs eventbus-conformance on it, where that is known
#                       [CONFORMANCE_ARGS arg...])  # what that test passes besides --plugin
#
# The target is eventbus_<NAME>. With BUILD_TESTING, tests check the exported symbols and the contract.

set(EVENTBUS_ADD_PLUGIN_DIR "${CMAKE_CURRENT_LIST_DIR}")

# Visibility alone leaves unique and weak symbols exported, and with them a plugin that can't be unloaded.
function(_eventbus_export_one_symbol target)
  set(script "${CMAKE_CURRENT_BINARY_DIR}/${target}.map")
  file(CONFIGURE OUTPUT "${script}" CONTENT "{ global: eventbus_plugin_v1; local: *; };\n")
  set_target_properties(
    ${target}
    PROPERTIES C_VISIBILITY_PRESET hidden
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               LINK_DEPENDS "${script}")
  target_link_options(${target} PRIVATE "LINKER:--version-script=${script}")
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")  # a sanitizer's runtime is in the host alone
    target_link_options(${target} PRIVATE LINKER:--no-undefined)
  endif()
endfunction()

function(_eventbus_test_plugin target conformance)
  add_test(NAME "${target} exports exactly eventbus_plugin_v1"
           COMMAND ${CMAKE_COMMAND} -DPLUGIN=$<TARGET_FILE:${target}> -DNM=${CMAKE_NM} -P
                   "${EVENTBUS_ADD_PLUGIN_DIR}/CheckPluginExports.cmake")
  set_tests_properties("${target} exports exactly eventbus_plugin_v1" PROPERTIES LABELS unit)
  if(conformance AND TARGET EventBus::conformance)
    add_test(NAME "${target} keeps the contract"
             COMMAND EventBus::conformance --plugin $<TARGET_FILE:${target}> ${ARGN})
    set_tests_properties("${target} keeps the contract" PROPERTIES LABELS conformance TIMEOUT 900)
  endif()
endfunction()

function(eventbus_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL;NO_CONFORMANCE" "" "SOURCES;CONFORMANCE_ARGS")
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "eventbus_add_plugin(${name}): needs SOURCES, and knows no '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  string(REPLACE "-" "_" name "${name}")
  set(target eventbus_${name})
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE EventBus::api)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES PREFIX lib SUFFIX .so OUTPUT_NAME ${target} CXX_EXTENSIONS OFF)
  _eventbus_export_one_symbol(${target})
  if(EVENTBUS_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${EVENTBUS_PLUGIN_OUTPUT_DIRECTORY}")
  endif()
  if(NOT arg_NO_INSTALL)
    include(GNUInstallDirs)
    install(TARGETS ${target} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/eventbus/plugins" COMPONENT plugin_${name})
    set_property(GLOBAL APPEND PROPERTY EVENTBUS_INSTALLED_PLUGINS ${name})
  endif()
  if(BUILD_TESTING)
    set(conformance TRUE)
    if(arg_NO_CONFORMANCE)
      set(conformance FALSE)
    endif()
    _eventbus_test_plugin(${target} ${conformance} ${arg_CONFORMANCE_ARGS})
  endif()
endfunction()
