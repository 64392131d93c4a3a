/** The icon of the panel. */

import { LabIcon } from '@jupyterlab/ui-components';

import svgstr from '../style/s3.svg';

export const s3Icon = new LabIcon({ name: 's3magic:s3', svgstr });
