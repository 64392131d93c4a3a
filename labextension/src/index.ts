/** The plugins of this extension; each optional token may be missing, as in Notebook 7. */

import { ILabShell, ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IConsoleTracker } from '@jupyterlab/console';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { Follower } from './follow';
import { s3Icon } from './icon';
import { insideRoot } from './mounts';
import { S3Panel, type FolderFinder } from './panel';
import { Pins } from './pins';

const SHOW = 's3magic:show-panel';
const BROWSE = 'filebrowser:go-to-path';

const PLUGIN = 's3magic-labextension:panel';

const panel: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: 'A side panel with the S3 identity, buckets, mounts and linked tiles of the kernel in front.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IConsoleTracker, ILabShell, ILayoutRestorer, ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    consoles: IConsoleTracker | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null
  ): void => {
    const follower = new Follower(app.shell, notebooks, consoles);
    const widget = new S3Panel(
      follower,
      folderFinder(app, labShell !== null),
      new Pins(settings, PLUGIN),
      app.commands
    );
    app.shell.add(widget, 'left', { rank: 350, type: 'S3' });
    restorer?.add(widget, widget.id);
    app.commands.addCommand(SHOW, {
      label: 'Show S3 Panel',
      caption: 'Show the S3 identity, buckets and mounts of the current kernel',
      icon: s3Icon,
      execute: () => app.shell.activateById(widget.id)
    });
    palette?.addItem({ command: SHOW, category: 'S3' });
  }
};

export default [panel];

/** In JupyterLab the file browser beside us shows a folder; Notebook 7 has it on a page of its own. */
function folderFinder(app: JupyterFrontEnd, isLab: boolean): FolderFinder {
  return (path, home) => {
    const name = insideRoot(path, PageConfig.getOption('serverRoot'), home);
    if (name === null) {
      return null;
    }
    const tree = URLExt.join(PageConfig.getBaseUrl(), 'tree', URLExt.encodeParts(name));
    return {
      name: name || '/',
      open: () => void (isLab ? app.commands.execute(BROWSE, { path: `/${name}` }) : window.open(tree, '_blank'))
    };
  };
}
