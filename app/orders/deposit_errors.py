"""What can go wrong with deposits and milk boxes."""

from app.core.errors import Conflict, InvalidInput, NotFound


class DepositUnknown(NotFound):
    """No such deposit, or not one of the caller's doors."""

    code = "deposit_not_found"
    title = "没有找到该押金"


class DepositAboveAmount(InvalidInput):
    """What was collected at the door does not cover the deposit and some milk."""

    code = "deposit_above_amount"
    title = "押金不能大于或等于实收金额"


class BoxInUse(Conflict):
    """Milk is brought to a door, or will be: its box stays."""

    code = "box_in_use"
    title = "该地址还有订单，奶箱不能收回"


class BoxHasDeposit(Conflict):
    """The box goes back with its deposit, by `/deposits/{deposit}/return` or `/keep`."""

    code = "box_has_deposit"
    title = "该奶箱有押金，请登记押金归还"


class BoxNotInstalled(Conflict):
    """The order waits for its milk box: nothing but its end can be asked for."""

    code = "box_not_installed"
    title = "正在等待安装奶箱，安装后才能变更"


class InstallationUnknown(NotFound):
    """No such milk box to be hung up, or not at one of the caller's doors."""

    code = "installation_not_found"
    title = "没有找到该奶箱安装任务"
