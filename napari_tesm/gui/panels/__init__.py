"""The tabs and forms of the workspace: Qt widgets that show a model and change it."""
