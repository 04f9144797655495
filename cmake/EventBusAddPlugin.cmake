# eventbus_add_plugin(NAME SOURCES ...): a backend plugin, libeventbus_<NAME>.so, that exports its one symbol.

set(EVENTBUS_ADD_PLUGIN_DIR "${CMAKE_CURRENT_LIST_DIR}")

function(eventbus_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL" "" "SOURCES")
  set(target eventbus_${name})
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE EventBus::api)
  target_compile_features(${target} PRIVATE cxx_std_20)

  # Visibility alone leaves unique and weak symbols exported, and with them a plugin that can't be unloaded.
  set(script "${CMAKE_CURRENT_BINARY_DIR}/${target}.map")
  file(WRITE "${script}" "{ global: eventbus_plugin_v1; local: *; };\n")
  set_target_properties(
    ${target}
    PROPERTIES PREFIX lib
               OUTPUT_NAME ${target}
               CXX_EXTENSIONS OFF
               C_VISIBILITY_PRESET hidden
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               LINK_DEPENDS "${script}")
  target_link_options(${target} PRIVATE "LINKER:--version-script=${script}")
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")  # a sanitizer's runtime is in the host alone
    target_link_options(${target} PRIVATE LINKER:--no-undefined)
  endif()
  if(EVENTBUS_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${EVENTBUS_PLUGIN_OUTPUT_DIRECTORY}")
  endif()
  if(NOT arg_NO_INSTALL)
    include(GNUInstallDirs)
    install(TARGETS ${target} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/eventbus/plugins")
  endif()
  if(BUILD_TESTING)
    add_test(NAME "${target} exports exactly eventbus_plugin_v1"
             COMMAND ${CMAKE_COMMAND} -DPLUGIN=$<TARGET_FILE:${target}> -P
                     "${EVENTBUS_ADD_PLUGIN_DIR}/CheckPluginExports.cmake")
    set_tests_properties("${target} exports exactly eventbus_plugin_v1" PROPERTIES LABELS unit)
  endif()
endfunction()
